"""Missing values drawn given the observed ones, by a Markov chain on the latents of any model."""

__all__ = ["Imputed", "impute", "r_hat", "samples_for"]

from collections.abc import Callable, Iterable
from math import log
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.batch import Batch
from vae.checks import check_int
from vae.draws import Draws, Posterior, Replay
from vae.models.importance import refuse_shared
from vae.trace import Trace

D = TypeVar("D", bound=Draws)


class Imputed(NamedTuple):
    """What the chains of each example found.

    Attributes:
        mean: The example with its missing values replaced by their conditional mean,
            ``(B, *event)``.
        draw: The same with the last draw of the first chain.
        log_density: Log p(missing | observed), ``(B,)`` in nats; ``None`` where p(x|z) does not
            factorise over the values.
        acceptance: Mean share of the proposals that were accepted.
        r_hat: How far the chains of an example disagree, ``(B,)``: 1 if they do not, infinite if
            none has moved; ``None`` of one chain or one step. See `r_hat`.
    """

    mean: Tensor
    draw: Tensor
    log_density: Tensor | None
    acceptance: float
    r_hat: Tensor | None


class Sampled(Protocol):
    """What is asked of a model."""

    def ran(self, batch: Batch, draws: D) -> D:
        """Run the model; see `Model.ran`."""

    def sample(self, n: int, *, given: Batch | None = None) -> Any:
        """Generate examples; see `Model.sample`."""

    def standardized(self, x: Tensor) -> Tensor:
        """Return x as the nets see it."""


@torch.no_grad()
def impute(
    model: Sampled,
    batch: Batch,
    missing: Tensor,
    start: Tensor | None = None,
    *,
    chains: int = 1,
    burn_in: int = 20,
    steps: int = 60,
    track: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Imputed:
    r"""Draw missing values of x from p(missing | observed) by Metropolis-within-Gibbs.

    In turn x_missing ~ p(x|z), and z' ~ q(z|x), all latents together, is accepted with probability
    min(1, w(z') / w(z)), :math:`w(z) = p(x, z) / q(z|x)`. In the burn-in every z' is accepted,
    which is pseudo-Gibbs sampling: it moves fast and its limit is biased by q ≠ p(z|x); the
    accepted chain's is exact. The conditional mean is the average of E[x|z] over the steps, and
    p(missing | observed) that of p(missing|z).

    Args:
        model: In evaluation mode, of any latents that examples have of their own.
        batch: Whole examples, ``(B, ...)``; missing ones count in ``log_density`` alone.
        missing: Which values of x are missing, bool ``(B, *event)``.
        start: What stands in for them at first, ``(*event)``, ``(B, *event)`` or, for each chain
            another, ``(chains, B, *event)``; ``None`` means samples of the model.
        chains: How many for each example, at least 1: one may stay in one mode for long.
        burn_in: Steps of pseudo-Gibbs sampling, ≥ 0.
        steps: Steps that count, at least 1.
        track: Given the steps, gives them back.

    Raises:
        ValueError: If examples share a latent variable, or the model observes no x.

    References:
        Stochastic Backpropagation and Approximate Inference in Deep Generative Models (Rezende,
        Mohamed, Wierstra, 2014), 1401.4082: pseudo-Gibbs sampling.
        Leveraging the Exact Likelihood of Deep Latent Variable Models (Mattei, Frellsen, 2018),
        1802.04826: its correction.
    """
    for name, value, low in (("chains", chains, 1), ("steps", steps, 1), ("burn_in", burn_in, 0)):
        check_int(name, value, low=low)
    x = batch["x"]
    if missing.dtype != torch.bool or missing.shape != x.shape:
        raise ValueError(
            f"missing must be truth values of shape {tuple(x.shape)}, as x; got {missing.dtype} of "
            f"shape {tuple(missing.shape)}"
        )
    start = samples_for(model, batch, chains) if start is None else start
    start = start.expand(chains, *x.shape).flatten(0, 1)
    fields = {name: copied(value, chains) for name, value in batch.items()}
    whole, hidden = fields.pop("x"), copied(missing, chains)
    state = Chain(model, fields, torch.where(hidden, start, whole))
    means, densities, accepted = Means(model.standardized), [], 0.0
    for step in track(range(burn_in + steps)):
        state.x = torch.where(hidden, state.px.sample()[0], whole)
        accepted += state.move(always=step < burn_in) / steps
        if step >= burn_in:
            means.add(state.px.mean[0], steps)
            densities.append(log_density_at(state.px, whole, hidden))
    total, *squares = (part.unflatten(0, (chains, -1)) for part in means.parts)
    disagreement = None
    if min(chains, steps) > 1:
        disagreement = r_hat(squares[0], squares[1] - squares[0].square(), missing, steps)
    mean = torch.where(missing, total.mean(0), x)
    return Imputed(mean, state.x[: len(x)], average(densities, chains), accepted, disagreement)


class Chain:
    r"""The latents of some examples, all of a model's together, and the x that is filled in.

    Args:
        model: In evaluation mode.
        fields: Of the batch, besides x.
        x: With missing values filled in, ``(B, *event)``.
    """

    def __init__(self, model: Sampled, fields: Batch, x: Tensor) -> None:
        self.model, self.fields, self.x = model, fields, x
        first = Posterior()
        self.trace(first)
        refuse_shared(first)
        if "x" not in first.observed:
            raise ValueError(
                f"missing values are those of x; the model makes {list(first.observed)}"
            )
        self.take(first)

    def trace(self, draws: Draws) -> Trace:
        """Return the trace of the x that is filled in."""
        return self.model.ran({**self.fields, "x": self.x}, draws).trace()

    def move(self, *, always: bool) -> float:
        """Propose new latents, take them or not, and return the share that was taken.

        Args:
            always: Take all of them; the share is then not counted.
        """
        proposed = Posterior()
        trace = self.trace(proposed)
        if always:
            self.take(proposed)
            return 0.0
        log_w = self.trace(Replay(self.z)).log_weight[0]
        better = torch.rand_like(log_w).log() < trace.log_weight[0] - log_w
        new = proposed.latents
        mixed = {
            name: torch.where(better.view(1, -1, *[1] * (z.dim() - 2)), new[name].z, z)
            for name, z in self.z.items()  # by name: a chain is drawn in two orders
        }
        chosen = Replay(mixed, posteriors=False)
        self.trace(chosen)
        self.take(chosen)
        return better.double().mean().item()

    def take(self, draws: Draws) -> None:
        """Go on with the latents of a run, and with p(x|z) at them."""
        self.z = {name: latent.z for name, latent in draws.latents.items()}
        self.px = draws.observed["x"].px


class Means:
    """Means of E[x|z] over the steps, of its standardised values and of their squares."""

    def __init__(self, standardized: Callable[[Tensor], Tensor]) -> None:
        self.standardized = standardized
        self.parts: list[Tensor] = []

    def add(self, mean: Tensor, steps: int) -> None:
        """Add one of so many steps, ``(B, *event)``."""
        alike = self.standardized(mean)  # columns of all units count alike in R̂
        parts = [mean / steps, alike / steps, alike.square() / steps]
        if not self.parts:
            self.parts = [torch.zeros_like(part) for part in parts]
        self.parts = [total + part for total, part in zip(self.parts, parts, strict=True)]


def samples_for(model: Sampled, batch: Batch, chains: int) -> Tensor:
    """Return samples of a model for the other fields of some examples, ``(chains, B, *event)``."""
    given = {name: copied(value, chains) for name, value in batch.items() if name != "x"}
    found = model.sample(chains * len(batch["x"]), given=given)
    x: Tensor = found["x"] if isinstance(found, dict) else found
    return x.unflatten(0, (chains, -1))


def copied(value: Tensor, chains: int) -> Tensor:
    """Return what is known of the examples once for each chain."""
    return value.repeat(chains, *[1] * (value.dim() - 1))


def r_hat(means: Tensor, variances: Tensor, missing: Tensor, steps: int) -> Tensor:
    r"""Return the Gelman–Rubin statistic of E[x|z] at each example's missing values, ``(B,)``.

    :math:`\hat R^2 = \frac{n-1}{n} + B / W` with B the variance of the chains' means and W the mean
    of the variances within them, both summed over the missing values.

    Args:
        means: Of each chain over its steps, ``(chains, B, *event)``.
        variances: Within each chain, not corrected, ``(chains, B, *event)``.
        missing: Bool ``(B, *event)``.
        steps: Of each chain, n ≥ 2.

    References:
        Inference from Iterative Simulation Using Multiple Sequences (Gelman, Rubin, 1992).
    """
    share = (steps - 1) / steps
    between = (means.double().var(0) * missing).flatten(1).sum(1)
    within = (variances.double().clamp(min=0).mean(0) / share * missing).flatten(1).sum(1)
    ratio = torch.where(between > 0, between / within, 0.0)
    return (share + ratio).sqrt()


def log_density_at(px: Distribution, x: Tensor, chosen: Tensor) -> Tensor | None:
    """Return the log-density of chosen values, ``(B,)``; ``None`` if they are not independent.

    Args:
        px: The likelihood, batch shape ``(1, B)``.
        x: ``(B, *event)``.
        chosen: Bool ``(B, *event)``.
    """
    if not isinstance(px, Independent) or px.base_dist.event_shape:
        return None
    return (px.base_dist.log_prob(x)[0] * chosen).flatten(1).sum(1)


def average(densities: list[Tensor | None], chains: int) -> Tensor | None:
    """Return the log of the mean density over steps and chains, ``(B,)``, if there is one."""
    known = [density for density in densities if density is not None]
    if not known:
        return None
    log_values = torch.cat([density.double().unflatten(0, (chains, -1)) for density in known])
    return log_values.logsumexp(0) - log(len(log_values))
