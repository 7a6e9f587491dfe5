"""The categorical likelihood of quantised values: a free mass for every level."""

__all__ = ["Categorical", "GridCategorical"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.grid import checked_levels, to_index, to_value
from vae.distributions.likelihoods.stacking import stacked_shape


class GridCategorical(Distribution):
    """A categorical distribution over the grid k/(L - 1): ``p(x_k) = softmax(l)_k``.

    Args:
        logits: l, unnormalised, ``(*batch, L)``.

    Example:
        >>> p = GridCategorical(torch.zeros(1, 3))
        >>> p.log_prob(torch.tensor([0.5])).exp()
        tensor([0.3333])
    """

    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012, as torch declares it
    support = constraints.unit_interval

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.levels = logits.shape[-1]
        super().__init__(logits.shape[:-1], validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "GridCategorical":
        """Return the same distribution with another, broadcast batch shape."""
        return GridCategorical(self.logits.expand(*batch_shape, -1))

    @property
    def mean(self) -> Tensor:
        """``Σ_k p(x_k) x_k``."""
        index = torch.arange(self.levels, dtype=self.logits.dtype, device=self.logits.device)
        return to_value(self.logits.softmax(-1) @ index, self.levels)

    @property
    def mode(self) -> Tensor:
        """The likeliest level."""
        return to_value(self.logits.argmax(-1).to(self.logits.dtype), self.levels)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-mass of `value`, which is taken for the nearest value of the grid."""
        shape = torch.broadcast_shapes(value.shape, self._batch_shape)
        index = to_index(value, self.levels).long().expand(shape).unsqueeze(-1)
        chosen = self.logits.expand(*shape, -1).gather(-1, index).squeeze(-1)
        return chosen - self.logits.logsumexp(-1)

    @torch.no_grad()
    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw values of the grid."""
        base = torch.distributions.Categorical(logits=self.logits, validate_args=False)
        return to_value(base.sample(sample_shape).to(self.logits.dtype), self.levels)


class Categorical(Likelihood):
    """Independent categorical masses over the levels, with L logits per dimension from the net.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        levels: How many equally spaced values in [0, 1] the data takes, ≥ 2; 256 for bytes.

    Raises:
        ValueError: If `levels` is not an integer of at least 2.

    References:
        Pixel Recurrent Neural Networks (van den Oord, Kalchbrenner, Kavukcuoglu, 2016),
        arXiv:1601.06759

    Example:
        >>> Categorical((3, 8, 8), levels=4).param_shape
        (12, 8, 8)
    """

    support = constraints.unit_interval

    def __init__(self, event_shape: Sequence[int], *, levels: int) -> None:
        super().__init__(event_shape, stacked_shape(event_shape, checked_levels(levels)))
        self.levels = levels

    def forward(self, params: Tensor) -> Joint:
        """Map ``(*lead, *param_shape)`` to a distribution of batch ``lead``."""
        ndim = len(self.event_shape)
        logits = params.unflatten(-ndim, (self.levels, -1)).movedim(-ndim - 1, -1)
        return Joint(GridCategorical(logits), len(self.event_shape))
