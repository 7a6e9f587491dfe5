"""Which latent variables a model uses, the most used first, and over which values they range."""

__all__ = ["Variables", "quantiles", "study", "study_all", "variable_name"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal
from torch.distributions.constraints import Constraint

from vae.batch import Batch
from vae.distributions import draw
from vae.evaluation.measures.latent_statistics import LatentStatistics, present, rows_of
from vae.evaluation.measures.prior_moments import as_many
from vae.evaluation.section import NotApplicable
from vae.models import Model
from vae.supports import bound_together, same_support, support_of, unit_sphere
from vae.trace import Latent

DRAWS = 10  # from each posterior, fewer of very many coordinates
EXAMPLES = 1000  # that are looked at as a rule
PRIOR_DRAWS = 10_000
ALL = slice(None)


@dataclass(frozen=True)
class Variables:
    """The variables of one latent, as some examples use them.

    A variable is one value of a latent's event: of a map ``(C, H, W)`` one channel at one position;
    they are counted through. A one-hot variable is one with all its categories.

    Args:
        usage: KL of each variable in nats, ``(D,)``; where the KL does not split, the variance
            over the examples of the posterior's centre, of a one-hot variable its categories'
            sum.
        splits: Whether the KL does.
        prior: p(z), batch shape ``()``; draws from it, ``(N, *latent)``, where it is another for
            each example.
        draws: From the aggregate posterior, ``(N, *latent)``.
        name: What the latent is called where a model has several; empty of the only one.
        shape: Of the variables; ``(D,)`` unless it is given.
        support: Where the latent lives, if it is known.
    """

    usage: Tensor
    splits: bool
    prior: Distribution | Tensor
    draws: Tensor
    name: str = ""
    shape: Sequence[int] = field(default=())
    support: Constraint | None = None

    @property
    def one_hot(self) -> bool:
        """Whether the variables are categorical."""
        return self.draws.dim() - 1 > max(len(self.shape), 1)

    @property
    def tied(self) -> bool:
        """Whether no coordinate can move alone, as of unit vectors and of shares of a whole."""
        return not self.one_hot and bound_together(self.support)

    @property
    def on_sphere(self) -> bool:
        """Whether the latent is a unit vector."""
        return self.support is not None and same_support(self.support, unit_sphere)

    @property
    def isotropic(self) -> bool:
        """Whether the prior is a normal distribution around 0 of one width for all."""
        p = self.prior
        if not (isinstance(p, Independent) and isinstance(p.base_dist, Normal)):
            return False
        return not p.mean.any() and bool((p.stddev == p.stddev.flatten()[0]).all())

    def order(self, count: int) -> list[int]:
        """Return the ``count`` most used variables, or all, the most used first."""
        return self.usage.argsort(descending=True)[:count].tolist()

    def label(self, dim: int) -> str:
        """Return a variable's name and use, in two lines."""
        value = self.usage[dim].item()
        name = variable_name(self.name, self.shape, dim)
        return f"{name}\n{value:.2f} nats" if self.splits else f"{name}\nvariance {value:.2g}"

    @torch.no_grad()
    def values(
        self, dims: list[int], steps: int, *, tail: float = 0.01, within: str = "prior"
    ) -> Tensor:
        """Return where variables may go, for `traverse`.

        Args:
            dims: The variables.
            steps: Values of each, at least 2, evenly spaced in probability; of one-hot variables
                the categories, at most so many.
            tail: Probability of the values beyond either end, in (0, 0.5).
            within: ``prior`` or ``posterior``, the aggregate posterior.

        Returns:
            ``(steps, len(dims))``, or ``(steps, len(dims), C)`` of one-hot variables.
        """
        like = self.draws
        if self.one_hot:
            codes = torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)[:steps]
            return codes[:, None].expand(-1, len(dims), -1)
        at = torch.linspace(tail, 1 - tail, steps, dtype=torch.float64, device=like.device)
        ranges: Distribution | Tensor = self.prior if within == "prior" else self.draws
        return quantiles(ranges, at, dims).to(like.dtype)


def variable_name(latent: str, shape: Sequence[int], dim: int) -> str:
    """Return what a variable is called.

    Args:
        latent: Its latent; empty of the only one.
        shape: Of the latent's variables.
        dim: Its number.

    Example:
        >>> variable_name("", (8,), 3), variable_name("top", (8,), 3)
        ('z3', 'top[3]')
        >>> variable_name("top", (2, 4, 4), 17)
        'top[1, 0, 1]'
    """
    if len(shape) > 1:
        place = [dim // prod(shape[i + 1 :]) % n for i, n in enumerate(shape)]
        return f"{latent or 'z'}[{', '.join(map(str, place))}]"
    return f"{latent}[{dim}]" if latent else f"z{dim}"


@torch.no_grad()
def study(model: Model, batches: Iterable[Batch]) -> Variables:
    """Look at the variables of a model's only latent on some examples.

    Args:
        model: In evaluation mode.
        batches: At least one.

    Raises:
        NotApplicable: If it has several latents.
    """
    found = study_all(model, batches)
    if len(found) != 1:
        raise NotApplicable(f"this needs a model of one latent; got {', '.join(found)}")
    return next(iter(found.values()))


@torch.no_grad()
def study_all(model: Model, batches: Iterable[Batch]) -> dict[str, Variables]:
    """Look at the variables of each of a model's latents on some examples.

    Latents that all examples share are not among them. Use is told by the KL if that of every
    latent splits.

    Args:
        model: In evaluation mode.
        batches: At least one.

    Returns:
        By name; each step of a chain is one of its own.
    """
    statistics = LatentStatistics()
    looks: dict[str, Look] = {}
    for batch in batches:
        trace = model(batch)
        statistics.update(trace)
        for latent in trace.latents:
            if not latent.shared:
                looks.setdefault(latent.name, Look()).add(latent)
    uses = {
        name: (use, sums) for use in statistics.by_name.values() for name, sums in use.steps.items()
    }
    kl = {name: sums.kl for name, (_, sums) in uses.items() if sums.kl is not None}
    splits = len(kl) == len(uses)
    found = {}
    for name, look in looks.items():
        use, sums = uses[name]
        variances = sums.variances.view(-1, use.categories).sum(1)
        usage = kl[name] / statistics.count if splits else variances
        told, z = name if len(looks) > 1 else "", torch.cat(look.draws)
        found[name] = Variables(usage, splits, look.prior, z, told, use.shape, look.support)
    return found


class Look:
    """Draws from the posterior of one latent, and its prior."""

    def __init__(self) -> None:
        self.draws: list[Tensor] = []
        self.from_prior: list[Tensor] = []
        self.fixed: Distribution | None = None
        self.support: Constraint | None = None

    def add(self, latent: Latent) -> None:
        """Add a batch."""
        self.draws.append(self.rows(latent, latent.q))
        self.fixed, self.support = latent.p, support_of(latent.q)
        if latent.p.batch_shape:
            self.from_prior.append(self.rows(latent, latent.p))

    def rows(self, latent: Latent, of: Distribution) -> Tensor:
        """Draw from a distribution of each example that has the latent, ``(N, *event)``."""
        mask = present(latent)
        drawn = draw(of, max(1, as_many(of.event_shape, DRAWS * EXAMPLES) // EXAMPLES))[0]
        if mask is not None:
            return torch.cat([rows_of(each, of, mask) for each in drawn]).unflatten(
                1, of.event_shape
            )
        return drawn.flatten(0, len(of.batch_shape))

    @property
    def prior(self) -> Distribution | Tensor:
        """The prior, or draws from it where it is another for each example."""
        assert self.fixed is not None
        return torch.cat(self.from_prior) if self.from_prior else self.fixed


def quantiles(
    ranges: Distribution | Tensor, probabilities: Tensor, dims: Sequence[int] | slice = ALL
) -> Tensor:
    """Return the quantiles of each dimension of a distribution or of draws from one.

    Exact for a distribution of independent normal dimensions; from 10,000 draws for another.

    Args:
        ranges: A distribution of batch shape ``()`` and event shape ``(*event)``, or draws
            ``(N, *event)``.
        probabilities: In (0, 1), ``(P,)``.
        dims: Of which dimensions, with those of the event counted through.

    Returns:
        ``(P, D)``, or as many columns as there are ``dims``.
    """
    if isinstance(ranges, Tensor):
        # Of sorted draws, since torch's own quantile refuses more than 16 million values.
        place = probabilities * (len(ranges) - 1)
        ordered, low = ranges.flatten(1)[:, dims].sort(0).values, place.long()
        high = (low + 1).clamp_max(len(ranges) - 1)
        return torch.lerp(ordered[low], ordered[high], (place - low)[:, None].to(ordered.dtype))
    if isinstance(ranges, Independent) and isinstance(ranges.base_dist, Normal):
        each = probabilities.view(-1, *[1] * len(ranges.event_shape))
        return ranges.base_dist.icdf(each).flatten(1)[:, dims]
    drawn = ranges.sample((as_many(ranges.event_shape, PRIOR_DRAWS),))
    return quantiles(drawn, probabilities, dims)
