"""Which latent variables a model uses, the most used first, and over which values they range."""

__all__ = ["Variables", "quantiles", "study"]

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vae.batch import Batch
from vae.distributions import draw
from vae.evaluation.latents import LatentStatistics
from vae.models import Model

DRAWS = 10  # from each posterior
PRIOR_DRAWS = 10_000


@dataclass(frozen=True)
class Variables:
    """The first latent's variables, as some examples use them.

    Args:
        usage: KL of each variable in nats, ``(D,)``; where the KL does not split, the variance
            over the examples of the posterior's centre, of a one-hot variable its categories'
            sum.
        splits: Whether the KL does.
        prior: p(z), batch shape ``()``.
        draws: From the aggregate posterior, ``(N, *latent)``.
    """

    usage: Tensor
    splits: bool
    prior: Distribution
    draws: Tensor

    @property
    def one_hot(self) -> bool:
        """Whether the variables are categorical."""
        return self.draws.dim() == 3

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
        """Return a variable's number and use, in two lines."""
        value = self.usage[dim].item()
        return f"z{dim}\n{value:.2f} nats" if self.splits else f"z{dim}\nvariance {value:.2g}"

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
        return quantiles(ranges, at)[:, dims].to(like.dtype)


@torch.no_grad()
def study(model: Model, batches: Iterable[Batch]) -> Variables:
    """Look at a model's latent variables on some examples.

    Args:
        model: In evaluation mode.
        batches: At least one.
    """
    statistics, draws = LatentStatistics(), []
    for batch in batches:
        trace = model(batch["x"])
        statistics.update(trace)
        draws.append(draw(trace.latents[0].q, DRAWS)[0].flatten(0, 1))
    z, kl = torch.cat(draws), statistics.kl_per_dim
    usage = statistics.variances.view(z.shape[1], -1).sum(1) if kl is None else kl
    return Variables(usage, kl is not None, trace.latents[0].p, z)


def quantiles(ranges: Distribution | Tensor, probabilities: Tensor) -> Tensor:
    """Return the quantiles of each dimension of a distribution or of draws from one.

    Exact for a distribution of independent normal dimensions; from 10,000 draws for another.

    Args:
        ranges: A distribution of batch shape ``()`` and event shape ``(D,)``, or draws ``(N, D)``.
        probabilities: In (0, 1), ``(P,)``.

    Returns:
        ``(P, D)``.
    """
    if isinstance(ranges, Tensor):
        # Of sorted draws, since torch's own quantile refuses more than 16 million values.
        place = probabilities * (len(ranges) - 1)
        ordered, low = ranges.sort(0).values, place.long()
        high = (low + 1).clamp_max(len(ranges) - 1)
        return torch.lerp(ordered[low], ordered[high], (place - low)[:, None].to(ordered.dtype))
    if isinstance(ranges, Independent) and isinstance(ranges.base_dist, Normal):
        return ranges.base_dist.icdf(probabilities[:, None])
    return quantiles(ranges.sample((PRIOR_DRAWS,)), probabilities)
