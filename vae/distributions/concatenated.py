"""Distributions of one kind as one of more rows, and back: many small densities become one.

It is done with kinds that their parameters alone make; of others the answer is ``None``.
"""

__all__ = ["concatenated", "parted"]

from collections.abc import Callable, Sequence

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Independent, Normal

from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LogScaleNormal, UnitNormal

PARAMETERS: dict[Callable[..., Distribution], tuple[str, ...]] = {  # of the shape of the batch each
    LogScaleNormal: ("loc", "log_scale"),
    UnitNormal: ("loc",),
    Normal: ("loc", "scale"),
}


def concatenated(many: Sequence[Distribution], batch_shape: Sequence[int]) -> Distribution | None:
    """Return distributions, each broadcast to one batch shape, one after the other.

    Args:
        many: At least one, of one event shape.
        batch_shape: At least one dimension, ``(K, B)``.

    Returns:
        Of batch shape ``(len(many)·K, B)``, or ``None`` if they are of unlike or other kinds.

    Example:
        >>> p = Normal(torch.zeros(3), 1.0)
        >>> concatenated([p, p], (2, 3)).batch_shape
        torch.Size([4, 3])
    """
    first = many[0]
    kind: Callable[..., Distribution] = type(first)
    if any(type(each) is not kind for each in many):
        return None
    if isinstance(first, Independent):
        dims = first.reinterpreted_batch_ndims
        if any(each.reinterpreted_batch_ndims != dims for each in many):  # type: ignore[attr-defined]
            return None
        shape = (*batch_shape, *first.event_shape[:dims])
        base = concatenated([each.base_dist for each in many], shape)  # type: ignore[attr-defined]
        return None if base is None else Joint(base, dims)
    if kind not in PARAMETERS:
        return None
    return kind(*(joined(many, name, batch_shape) for name in PARAMETERS[kind]))


def joined(many: Sequence[Distribution], name: str, shape: Sequence[int]) -> Tensor:
    """Return one parameter of distributions, one after the other."""
    found: list[Tensor] = [getattr(each, name) for each in many]
    size = Size(shape)
    return torch.cat([each if each.shape == size else each.expand(size) for each in found])


def parted(whole: Distribution, count: int) -> list[Distribution] | None:
    """Return a distribution as ``count`` ones of equally many rows.

    Args:
        whole: Of batch shape ``(count·K, ...)``.
        count: How many, at least 1.

    Returns:
        Of batch shape ``(K, ...)`` each, or ``None`` if its kind is another.
    """
    if isinstance(whole, Independent):
        bases = parted(whole.base_dist, count)
        dims = whole.reinterpreted_batch_ndims
        return None if bases is None else [Joint(base, dims) for base in bases]
    kind: Callable[..., Distribution] = type(whole)
    if kind not in PARAMETERS:
        return None
    size = whole.batch_shape
    parts = [getattr(whole, name).expand(size).chunk(count) for name in PARAMETERS[kind]]
    return [kind(*each) for each in zip(*parts, strict=True)]
