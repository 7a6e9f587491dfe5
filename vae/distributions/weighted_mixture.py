"""A mixture of any distributions, which all rows share, by weights of each row."""

__all__ = ["WeightedMixture"]

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Categorical, Distribution
from torch.types import _size

from vae.distributions.mixture import HELD, UniformMixture, at_once


class WeightedMixture(UniformMixture):
    r"""The mixtures :math:`p_b(z) = \sum_m w_{bm} p_m(z)`.

    Args:
        components: One distribution of batch shape ``(M,)``.
        logits: Unnormalised log w, ``(*batch, M)``.

    Example:
        >>> from torch.distributions import Normal, Independent
        >>> parts = Independent(Normal(torch.zeros(5, 2), 1.0), 1)
        >>> WeightedMixture(parts, torch.zeros(4, 5)).log_prob(torch.zeros(3, 4, 2)).shape
        torch.Size([3, 4])
    """

    def __init__(self, components: Distribution, logits: Tensor) -> None:
        super().__init__(components)
        self.logits = logits
        Distribution.__init__(self, logits.shape[:-1], self.event_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "WeightedMixture":
        """Return the same distribution with another, broadcast batch shape."""
        return WeightedMixture(self.components, self.logits.expand(*batch_shape, -1))

    def of_parts(self, components: Distribution) -> "WeightedMixture":
        """Return the mixture of other components by the same weights."""
        return WeightedMixture(components, self.logits)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of ``(*lead, *batch, *event)``, shape ``(*lead, *batch)``.

        Where no gradient is asked for, some values at a time, which bounds the memory.
        """
        lead = value.shape[: value.dim() - len(self.event_shape)]
        lead = torch.broadcast_shapes(lead, self.batch_shape)
        log_w = self.logits.log_softmax(-1)
        if torch.is_grad_enabled():
            return (self.each_log_prob(value) + log_w).logsumexp(-1)
        step, log_w = at_once(self, HELD), log_w.flatten(0, -2)
        values = value.expand(*lead, *self.event_shape).reshape(-1, *self.event_shape).split(step)
        parts = [
            (self.each_log_prob(some) + log_w[rows]).logsumexp(-1)
            for some, rows in zip(values, self.rows(lead).split(step), strict=True)
        ]
        return torch.cat(parts).view(lead)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, *event)``."""
        shape = self._extended_shape(Size(sample_shape))
        lead = shape[: len(shape) - len(self.event_shape)]
        blocks = self.rows(lead).split(at_once(self, HELD))
        return torch.cat([self.sample_of(rows) for rows in blocks]).view(shape)

    def sample_of(self, rows: Tensor) -> Tensor:
        """Draw for each of some rows ``(N,)`` of the batch, counted through, ``(N, *event)``."""
        draws = self.components.sample(Size((len(rows),)))
        chosen = Categorical(logits=self.logits.flatten(0, -2)[rows]).sample()
        return draws[torch.arange(len(rows), device=draws.device), chosen]

    def rows(self, lead: Size) -> Tensor:
        """Return of which row of the batch, counted through, each value of a leading shape is."""
        rows = torch.arange(self.batch_shape.numel(), device=self.logits.device)
        return rows.view(self.batch_shape).expand(lead).flatten()
