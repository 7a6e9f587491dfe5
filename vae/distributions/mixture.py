"""An equally weighted mixture of any distributions."""

__all__ = ["UniformMixture"]

from math import log
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.types import _size


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
        """Log-density of ``(*lead, *batch, *event)``, shape ``(*lead, *batch)``."""
        spread = value.unsqueeze(-1 - len(self.event_shape))
        log_p = self.components.log_prob(spread).logsumexp(-1) - log(self.num_components)
        return log_p.expand(torch.broadcast_shapes(log_p.shape, self.batch_shape))

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, *event)``."""
        shape = self._extended_shape(Size(sample_shape))
        draws = self.components.sample(shape[: len(shape) - len(self.event_shape)])
        draws = draws.reshape(-1, self.num_components, *self.event_shape)
        chosen = torch.randint(self.num_components, (len(draws),), device=draws.device)
        picked = draws[torch.arange(len(draws), device=draws.device), chosen]
        return picked.reshape(shape)
