"""Prior and aggregate posterior as it suits the space in which the latents live."""

__all__ = ["in_space"]

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from vae.evaluation.drawing.averages import mean_bars, usage
from vae.evaluation.drawing.layouts import on_globe, on_plane, on_triangle
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.rose import rose
from vae.evaluation.drawing.sides import ExampleClasses, sides
from vae.supports import same_support, unit_sphere

TRIANGLE = 3  # shares


def in_space(
    q: Tensor,
    p: Tensor,
    prior: Distribution | Tensor,
    support: Constraint | None,
    dims: Sequence[int],
    names: Sequence[str],
    *,
    most: int,
    classes: ExampleClasses | None = None,
) -> Picture | None:
    """Draw latents of one space as they lie in it, those of the prior beside those of q(z).

    Args:
        q: Draws from the aggregate posterior, ``(N, D)``, of categories ``(N, D, C)``.
        p: Draws from the prior, ``(M, D)`` or ``(M, D, C)``.
        prior: The prior, or draws from it.
        support: The space.
        dims: All variables, the most used first.
        names: What these are called.
        most: How many there is room for, where each has a row or a bar.
        classes: Of the examples that gave q, if they are told apart.

    Returns:
        ``None`` where the marginals say it all: of a single number, and of numbers that are
        bounded, of which each is one.
    """
    if support is None:
        return None
    few = dims[:most]
    if q.dim() == 3:
        return usage(q[:, few].float().mean(0), p[:, few].float().mean(0), names[:most])
    if same_support(support, constraints.boolean):
        return mean_bars(q[:, few], p[:, few], names[:most], "probability of a one")
    if same_support(support, unit_sphere):
        if q.shape[1] == 2:
            return rose(q, p)
        return sides(on_globe(q, p, dims[:3], names[:3]), classes)
    if same_support(support, constraints.simplex) and q.shape[1] > 2:
        if q.shape[1] > TRIANGLE:
            return mean_bars(q[:, few], p[:, few], names[:most], "mean share")
        named = [names[dims.index(d)] for d in range(TRIANGLE)]
        return sides(on_triangle(q, p, named), classes)
    if same_support(support, constraints.real) and q.shape[1] > 1:
        return sides(on_plane(q, p, prior, dims[:2], names[:2]), classes)
    return None
