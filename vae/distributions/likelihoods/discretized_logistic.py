"""The logistic distribution, discretised onto a grid: the likelihood of 8-bit pictures."""

__all__ = ["DiscretizedLogistic", "LogisticBins", "bounded_log_scale", "started_log_scale"]

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid
from torch.types import _size

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.grid import checked_levels, to_index, to_value
from vae.distributions.likelihoods.stacking import stacked_shape, unstack
from vae.distributions.log_scale_normal import soft_bound, started


def log_scale_bounds(levels: int) -> tuple[float, float]:
    """Return those of log s: from e⁻⁴ bins (all mass in one) to e² times the grid (a flat mass)."""
    return -math.log(levels - 1) - 4, 2.0


def bounded_log_scale(raw: Tensor, levels: int) -> Tensor:
    """Bound log s softly."""
    return soft_bound(raw, *log_scale_bounds(levels))


def started_log_scale(x: Tensor, levels: int) -> float:
    """Return the raw log s of a logistic distribution as wide as examples around their mean.

    Its deviation is ``s π/√3``; the likeliest s has no closed form.
    """
    deviation = (x - x.mean(0)).square().mean().sqrt()
    return started((deviation * math.sqrt(3) / math.pi).log(), *log_scale_bounds(levels))


class LogisticBins(Distribution):
    """A logistic distribution rounded to the grid k/(L - 1), the outer bins taking the tails.

    With a and b the standardised upper and lower edge of the bin of x,
    ``log p(x) = log(σ(a) - σ(b)) = log σ(a) + log σ(-b) + log(1 - exp(b - a))``, where a = ∞ for
    x = 1 and b = -∞ for x = 0: finite, with finite gradients, far out in the tails.

    Args:
        loc: μ, any shape, in units of the data.
        log_scale: log s, of the same shape, in log units of the data.
        levels: L ≥ 2, how many values in [0, 1] carry mass.

    Example:
        >>> p = LogisticBins(torch.zeros(1), torch.zeros(1), levels=2)
        >>> p.log_prob(torch.tensor([0.0, 1.0])).exp()
        tensor([0.6225, 0.3775])
    """

    arg_constraints = {"loc": constraints.real, "log_scale": constraints.real}  # noqa: RUF012
    support = constraints.unit_interval

    def __init__(self, loc: Tensor, log_scale: Tensor, *, levels: int) -> None:
        self.levels = levels
        # In units of bins, in which the edges k ± ½ are exact also in single precision.
        self.centre = loc * (levels - 1)
        self.bin_width = torch.exp(-log_scale) / (levels - 1)  # over s: a - b
        super().__init__(loc.shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogisticBins":
        """Return the same distribution with another, broadcast batch shape."""
        new: LogisticBins = self._get_checked_instance(LogisticBins, _instance)
        new.levels = self.levels
        new.centre = self.centre.expand(batch_shape)
        new.bin_width = self.bin_width.expand(batch_shape)
        Distribution.__init__(new, Size(batch_shape), validate_args=False)
        return new

    @property
    def mean(self) -> Tensor:
        """``Σ_k P(x > edge_k) / (L - 1)``, edge by edge, so that memory does not grow with L."""
        above = torch.zeros_like(self.centre)
        for k in range(self.levels - 1):
            above += torch.sigmoid((self.centre - (k + 0.5)) * self.bin_width)
        return above / (self.levels - 1)

    @property
    def mode(self) -> Tensor:
        """The likeliest of the level nearest to μ and the two outer ones, which hold the tails."""
        nearest = self.centre.round().clamp(0, self.levels - 1)
        outer = (torch.zeros_like(nearest), torch.full_like(nearest, self.levels - 1))
        x = to_value(torch.stack((nearest, *outer)), self.levels)
        return x.gather(0, self.log_prob(x).argmax(0, keepdim=True)).squeeze(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-mass of `value`, which is taken for the nearest value of the grid."""
        index = to_index(value, self.levels)
        first, last = index <= 0, index >= self.levels - 1
        z = (index - self.centre) * self.bin_width
        upper = (z + 0.5 * self.bin_width).masked_fill(last, math.inf)
        minus_lower = (0.5 * self.bin_width - z).masked_fill(first, math.inf)
        width = torch.where(first | last, math.inf, self.bin_width)
        return logsigmoid(upper) + logsigmoid(minus_lower) + torch.log(-torch.expm1(-width))

    @torch.no_grad()
    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw from the logistic distribution and round to the grid."""
        u = torch.rand(
            self._extended_shape(sample_shape), dtype=self.centre.dtype, device=self.centre.device
        )
        index = (self.centre + torch.logit(u) / self.bin_width).round()
        return to_value(index.clamp(0, self.levels - 1), self.levels)


class DiscretizedLogistic(Likelihood):
    """Independent discretised logistic masses, with μ and log s of each dimension from the net.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        levels: How many equally spaced values in [0, 1] the data takes, ≥ 2; 256 for bytes.

    Raises:
        ValueError: If `levels` is not an integer of at least 2.

    References:
        Improved Variational Inference with Inverse Autoregressive Flow (Kingma, Salimans,
        Jozefowicz, Chen, Sutskever, Welling, 2016), arXiv:1606.04934

    Example:
        >>> px = DiscretizedLogistic((1,), levels=2)(torch.zeros(1, 2))
        >>> px.log_prob(torch.tensor([[0.0], [1.0]])).exp().sum()
        tensor(1.)
    """

    support = constraints.unit_interval
    levels: int

    def __init__(self, event_shape: Sequence[int], *, levels: int) -> None:
        super().__init__(event_shape, stacked_shape(event_shape, 2))
        self.levels = checked_levels(levels)

    starts_at_examples = True

    def start_at(self, x: Tensor) -> Tensor:
        """Return raw parameters of the mean of examples, and their deviation from it."""
        mean = x.mean(0)
        return torch.cat([mean, torch.full_like(mean, started_log_scale(x, self.levels))])

    def forward(self, params: Tensor) -> Joint:
        """Map ``(*lead, *param_shape)`` to a distribution of batch ``lead``."""
        loc, raw = unstack(params, 2, self.event_shape)
        base = LogisticBins(loc, bounded_log_scale(raw, self.levels), levels=self.levels)
        return Joint(base, len(self.event_shape))
