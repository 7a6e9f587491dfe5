"""Independent dimensions taken together as one event."""

__all__ = ["Joint"]

from typing import Any

from torch.distributions import Distribution, Independent, register_kl
from torch.types import _size

from vae.divergence import joint_kl


class Joint(Independent):
    """torch's `Independent` without the detours of its constructor, which small nets feel.

    Args:
        base: Any distribution.
        event_dims: How many of its last batch dimensions become dimensions of the event.
    """

    def __init__(self, base: Distribution, event_dims: int) -> None:
        self.base_dist = base
        self.reinterpreted_batch_ndims = event_dims
        shape, split = base._batch_shape, len(base._batch_shape) - event_dims
        event_shape = shape[split:] + base._event_shape
        Distribution.__init__(self, shape[:split], event_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "Joint":
        """Return the same distribution with another, broadcast batch shape."""
        dims = self.reinterpreted_batch_ndims
        return Joint(self.base_dist.expand((*batch_shape, *self._event_shape[:dims])), dims)


register_kl(Joint, Joint)(joint_kl)
