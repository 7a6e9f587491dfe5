"""Ways through the latent space: along one variable, and from one latent to another."""

__all__ = ["interpolate", "slerp", "switch", "traverse"]

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Way = Callable[[Tensor, Tensor, Tensor], Tensor]  # like torch.lerp
TINY = 1e-6  # shortest length that has a direction


def traverse(z: Tensor, dims: Sequence[int], values: Tensor) -> Tensor:
    """Return latents of which one variable moves and the others stay.

    Args:
        z: The latent to start from, ``(*latent,)``.
        dims: The variables to move, one row each; those of an event of several dimensions, such as
            the positions of channels, are counted through.
        values: Where they go, ``(steps, len(dims))``, or ``(steps, len(dims), C)`` if they are
            one-hot.

    Returns:
        ``(len(dims), steps, *latent)``.
    """
    paths = z.repeat(len(dims), len(values), *[1] * z.dim())
    variables = paths if values.dim() == 3 else paths.view(len(dims), len(values), -1)
    for row, dim in enumerate(dims):
        variables[row, :, dim] = values[:, row]
    return paths


def interpolate(start: Tensor, end: Tensor, steps: int, way: Way = torch.lerp) -> Tensor:
    """Return the latents on the ways between pairs, both ends included.

    Args:
        start: Where they begin, ``(B, *latent)``.
        end: Where they end, ``(B, *latent)``.
        steps: Points on each way, at least 2.
        way: `torch.lerp`, `slerp` or `switch`.

    Returns:
        ``(B, steps, *latent)``.
    """
    weights = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)
    return torch.stack([way(start, end, w) for w in weights], 1)


def slerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    r"""Interpolate on a sphere: the direction along a great circle, the length linearly.

    For priors of the isotropic normal kind, under which a latent's length is nearly
    :math:`\sqrt D`: a straight line between two draws passes through much shorter ones, which the
    decoder has hardly seen. Between vectors of one length this is the formula of the reference;
    between parallel ones it is `torch.lerp`. Opposite ones meet on a great circle through a
    coordinate axis, of which there are none for D = 1: then through the origin.

    Args:
        start: Where it begins, ``(*lead, D)``.
        end: Where it ends, ``(*lead, D)``.
        weight: How far along, a scalar in [0, 1].

    References:
        Sampling Generative Networks (White, 2016), 1609.04468.
    """
    norms = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    a, b = unit(start), unit(end)
    angle = 2 * torch.atan2((b - a).norm(dim=-1, keepdim=True), (b + a).norm(dim=-1, keepdim=True))
    side = orthogonal(a, b) * (angle * weight).sin() + a * (angle * weight).cos()
    # The reference's weights sin(ω w) / sin ω grow without bound near opposite vectors of two
    # lengths, since only those of one length cancel.
    around = side * torch.lerp(*norms, weight)
    none = torch.minimum(*norms) < TINY  # the origin has no direction
    return torch.where(none, torch.lerp(start, end, weight), around)


def orthogonal(a: Tensor, b: Tensor) -> Tensor:
    """Return unit vectors ``(*lead, D)`` at a right angle to ``a``, towards ``b`` if that helps."""
    axis = torch.zeros_like(a).scatter_(-1, a.abs().argmin(-1, keepdim=True), 1.0)
    towards, along = without(b, a), without(axis, a)
    found = torch.where(towards.norm(dim=-1, keepdim=True) > TINY, towards, along)
    # Rounding leaves much of ``a`` in a short remainder: taken out a second time.
    return unit(without(unit(found), a))


def without(v: Tensor, a: Tensor) -> Tensor:
    """Return ``v`` less its part along the unit vector ``a``, ``(*lead, D)`` all."""
    return v - (v * a).sum(-1, keepdim=True) * a


def unit(v: Tensor) -> Tensor:
    """Return vectors ``(*lead, D)`` at length one, the origin as it is."""
    return v / v.norm(dim=-1, keepdim=True).clamp_min(TINY)


def switch(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """Pass from one set of categorical variables to another, variable by variable.

    A line through the simplex leaves the codes that the decoder knows. Here each variable jumps,
    those whose likeliest category changes one after another at equal distances.

    Args:
        start: Probabilities or one-hot codes, ``(*lead, D, C)``.
        end: The same at the other end.
        weight: How far along, a scalar in [0, 1]; at 1 every variable has jumped.
    """
    differs = start.argmax(-1) != end.argmax(-1)
    rank, total = differs.cumsum(-1), differs.sum(-1, keepdim=True)
    jumped = torch.where(weight < 1, differs & (rank <= (weight * total).round()), True)
    return torch.where(jumped.unsqueeze(-1), end, start)
