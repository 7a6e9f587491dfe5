"""Densities that are no distributions: one that is flat, and one that is known where it counts."""

__all__ = ["Flat", "Known"]

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints, register_kl
from torch.types import _size


class Flat(Distribution):
    r"""The density 1 everywhere, of which :math:`KL(q ‖ 1) = -H[q]`.

    Args:
        event: Shape of the event.
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, *event: int) -> None:
        super().__init__(Size(), Size(event), validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "Flat":
        """Return as many of it as the batch shape says."""
        new: Flat = self._get_checked_instance(Flat, _instance)
        Distribution.__init__(new, Size(batch_shape), self.event_shape, validate_args=False)
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """Return zeros, ``(*lead,)`` of ``(*lead, *event)``."""
        lead = value.shape[: value.dim() - len(self.event_shape)]
        return torch.zeros(lead, device=value.device)


@register_kl(Distribution, Flat)
def _kl_flat(q: Distribution, p: Flat) -> Tensor:
    return -q.entropy()


class Known(Distribution):
    """A density whose logarithm is known at the one value that it is asked for.

    Args:
        log_density: ``(K, B)``.
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real

    def __init__(self, log_density: Tensor) -> None:
        self.log_density = log_density
        super().__init__(log_density.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm, whatever the value."""
        return self.log_density
