"""An equally weighted mixture of any distributions."""

__all__ = ["UniformMixture", "at_once"]

from math import log
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.types import _size

HELD = 1 << 22  # coordinates of values in components that are held at once, 16 MiB


class UniformMixture(Distribution):
    r"""The mixture :math:`p(z) = \frac1M \sum_m p_m(z)`.

    Unlike `torch.distributions.MixtureSameFamily` it asks nothing of the components but
    `log_prob` and `sample`, so that they may be normalising flows.

    Args:
        components: One distribution of batch shape ``(M,)``.

    Example:
        >>> from torch.distributions import Normal, Independent
        >>> p = UniformMixture(Independent(Normal(torch.zeros(5, 2), 1.0), 1))
        >>> p.log_prob(torch.zeros(3, 2)).shape
        torch.Size([3])
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)

    def __init__(self, components: Distribution) -> None:
        self.components = components
        self.num_components = components.batch_shape[0]
        super().__init__(Size(), components.event_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "UniformMixture":
        """Return as many of the same mixture as the batch shape says."""
        new: UniformMixture = self._get_checked_instance(UniformMixture, _instance)
        new.components, new.num_components = self.components, self.num_components
        Distribution.__init__(new, Size(batch_shape), self.event_shape, validate_args=False)
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of ``(*lead, *batch, *event)``, shape ``(*lead, *batch)``.

        Where no gradient is asked for, some values at a time, which bounds the memory.
        """
        event_dims = len(self.event_shape)
        if torch.is_grad_enabled():
            log_p = self.joint_log_prob(value)
        else:
            lead = value.shape[: value.dim() - event_dims]
            blocks = value.reshape(-1, *self.event_shape).split(at_once(self, HELD))
            log_p = torch.cat([self.joint_log_prob(block) for block in blocks]).view(lead)
        if not self.batch_shape:
            return log_p
        return log_p.expand(torch.broadcast_shapes(log_p.shape, self.batch_shape))

    def joint_log_prob(self, value: Tensor) -> Tensor:
        """Log-density of values all of which meet all components at once."""
        return self.each_log_prob(value).logsumexp(-1) - log(self.num_components)

    def each_log_prob(self, value: Tensor) -> Tensor:
        """Log-density of values ``(*lead, *event)`` in each component, ``(*lead, M)``."""
        return self.components.log_prob(value.unsqueeze(-1 - len(self.event_shape)))

    def of_parts(self, components: Distribution) -> "UniformMixture":
        """Return the mixture of other components."""
        return UniformMixture(components)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, *event)``."""
        shape = self._extended_shape(Size(sample_shape))
        count = shape[: len(shape) - len(self.event_shape)].numel()
        step = at_once(self, HELD)
        starts = range(0, count, step)
        parts = [self.sample_some(min(step, count - start)) for start in starts]
        return torch.cat(parts).view(shape)

    def sample_some(self, count: int) -> Tensor:
        """Draw ``(count, *event)``, each from every component, of which one is picked."""
        draws = self.components.sample(Size((count,)))
        chosen = torch.randint(self.num_components, (count,), device=draws.device)
        return draws[torch.arange(count, device=draws.device), chosen]


def at_once(p: Distribution, most: int) -> int:
    """Return how many values may meet a distribution at once, at least 1 and at most ``most``.

    Of a mixture every value meets all components, many times as much as the value itself.
    """
    if not isinstance(p, UniformMixture):
        return most
    return max(1, min(most, HELD // (p.num_components * p.event_shape.numel())))
