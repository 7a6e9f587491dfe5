"""How the parameters of one event lie in the output of a net: stacked on its first axis."""

__all__ = ["stacked_shape", "unstack"]

from collections.abc import Sequence

from torch import Tensor


def stacked_shape(event_shape: Sequence[int], num_params: int) -> tuple[int, ...]:
    """Return the shape of `num_params` parameters per dimension of one event.

    Args:
        event_shape: ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        num_params: How many parameters one dimension takes.

    Returns:
        The event's shape with `num_params` times as long a first axis.

    Example:
        >>> stacked_shape((3, 8, 6), 2)
        (6, 8, 6)
    """
    return (num_params * event_shape[0], *event_shape[1:])


def unstack(params: Tensor, num_params: int, event_shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Split ``(*lead, *stacked_shape)`` into `num_params` tensors ``(*lead, *event_shape)``."""
    return params.chunk(num_params, dim=-len(event_shape))
