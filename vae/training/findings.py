"""What shows during training that a person would want to know then, and not from the report."""

__all__ = ["Findings", "Validation", "at_bound", "settled", "unused_variables"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions.likelihoods.scale import Scale
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, MARGIN, LogScale
from vae.distributions.rescaled import Rescaled
from vae.evaluation.measures.collapse import THRESHOLDS, listed
from vae.evaluation.measures.latent_statistics import LatentStatistics
from vae.evaluation.measures.variables import variable_name
from vae.models import Model
from vae.objectives import Objective
from vae.objectives.schedule import schedules_of

FEWEST_STEPS = 500  # before, nothing is said
FEWEST_EXAMPLES = 10  # from fewer, nothing is said of single dimensions
PART_OF_RUN = {"collapsed": 1 / 3, "unused": 1 / 2, "scale": 0.0}  # before, it may still come
NEAR = MARGIN + 0.05  # of log σ from its bound; a learned σ starts at the margin at least
PART_OF_VALUES = 0.1  # of those that have a σ of their own, so many must be there
AHEAD = 100  # steps at which a schedule's rest is looked at


@dataclass(frozen=True)
class Validation:
    """What a validation measured.

    Attributes:
        step: Optimizer steps so far.
        total_steps: Of the whole run; ``None`` if it has no end.
        kl: Nats per example.
        unused: Numbers, of several latents names, of the variables that are not active.
        num_variables: How many there are.
        scale: What is to be said of σ, if it is at a bound.
        settled: Whether no weight of the objective is on its way.
    """

    step: int
    total_steps: int | None
    kl: float
    unused: Sequence[int] | Sequence[str]
    num_variables: int
    scale: str | None = None
    settled: bool = True

    @property
    def found(self) -> dict[str, str]:
        """What shows, in words."""
        told = {} if self.scale is None else {"scale": self.scale}
        if self.settled and self.kl < THRESHOLDS["collapsed_kl"]:
            told["collapsed"] = collapsed(self.kl)
        elif self.settled and self.unused:
            told["unused"] = unused(self.unused, self.num_variables)
        begun = self.step / (self.total_steps or max(self.step, 1))
        return {name: words for name, words in told.items() if begun >= PART_OF_RUN[name]}


@dataclass
class Findings:
    """Keeps what was seen, so that each thing is said once, and only if it lasts."""

    before: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    def tell(self, validation: Validation) -> list[str]:
        """Return what is to be said now: what this validation and the one before it show."""
        found = validation.found if validation.step >= FEWEST_STEPS else {}
        lasting = (found.keys() & self.before) - self.said
        self.before = set(found)
        self.said |= lasting | ({"unused"} if "collapsed" in lasting else set())
        return [words for name, words in found.items() if name in lasting]


def collapsed(kl: float) -> str:
    """Say that q(z|x) is the prior."""
    return (
        f"So far the latents say nothing about x: their KL is {max(kl, 0):.2g} nats (posterior "
        "collapse). Try objective=free_bits or, of objective=elbo, a smaller objective.beta or a "
        "warm-up of it, +schedule@objective.beta=linear."
    )


def unused(numbers: Sequence[int] | Sequence[str], count: int) -> str:
    """Say which latent variables do not depend on x."""
    return (
        f"So far {len(numbers)} of {count} latent dimensions are not used: {listed(numbers)}. The "
        "bound itself switches off what does not pay; to use more, try objective=free_bits or, of "
        "objective=elbo, a smaller objective.beta."
    )


def unused_variables(statistics: LatentStatistics) -> tuple[list[int] | list[str], int]:
    """Return the latent variables that are not active, and how many variables there are.

    Args:
        statistics: Of a validation.

    Returns:
        Their numbers; where there are several latents their names.
    """
    uses = statistics.by_name
    active = {name: use.is_active for name, use in uses.items() if use.active is not None}
    count = sum(len(each) for each in active.values())
    if statistics.count < FEWEST_EXAMPLES:
        return [], count
    found = {name: (~each).nonzero().flatten().tolist() for name, each in active.items()}
    if len(found) == 1:
        return next(iter(found.values())), count
    return [
        variable_name(name, uses[name].shape, dim) for name, dims in found.items() for dim in dims
    ], count


@torch.no_grad()
def at_bound(model: Model, px: Distribution) -> str | None:
    """Say that a σ that is learned is at one of its bounds, if it is."""
    log_scale = log_scale_of(px)
    parts = [part for part in model.modules() if isinstance(part, Scale)]
    if log_scale is None or not parts or not parts[0].learned:
        return None
    low, high = LOG_SCALE_BOUNDS
    shares = torch.stack([log_scale < low + NEAR, log_scale > high - NEAR]).double()
    below, above = shares.reshape(2, -1).mean(1).tolist()
    if max(below, above) < PART_OF_VALUES:
        return None
    share = "" if log_scale.dim() <= 1 else f" for {max(below, above):.0%} of the values"
    if below > above:
        return (
            f"The likelihood's σ is at its lower bound, {exp(low):.1g}{share}: it cannot say how "
            "near the reconstructions are. Use larger units (arrays: data.standardize=true) or a "
            "fixed σ, likelihood=normal likelihood.scale.sigma=…"
        )
    return (
        f"The likelihood's σ is at its upper bound, {exp(high):.3g}{share}: the data vary more. "
        "Use smaller units (arrays: data.standardize=true)."
    )


def log_scale_of(px: Distribution) -> Tensor | None:
    """Return log σ of a location-scale distribution, in the units that the decoder sees."""
    while isinstance(px, (Independent, Rescaled)):
        px = px.base_dist if isinstance(px, Independent) else px.base
    return px.log_scale if isinstance(px, LogScale) else None


def settled(objective: Objective, steps: Mapping[str, int]) -> bool:
    """Say whether no weight has changed since the last validation, or is to rise any more.

    Args:
        objective: With its penalties.
        steps: ``before``, the step of the last validation, ``now``, and ``end``, that of the run.
    """
    now, rest = steps["now"], max(steps["end"] - steps["now"], 0)
    ahead = [now + rest * i // AHEAD for i in range(AHEAD + 1)]
    return all(
        weight(steps["before"]) == weight(now) >= max(map(weight, ahead))
        for weight in schedules_of(objective)
    )
