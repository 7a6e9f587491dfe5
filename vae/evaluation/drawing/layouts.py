"""Where latents of a space lie on a page: coordinates of a plane, shares, points of a sphere."""

__all__ = ["Places", "on_globe", "on_plane", "on_triangle"]

from collections.abc import Sequence
from math import log, pi, sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

HELD = (0.5, 0.95)  # parts of a normal prior within its contours
OUTERMOST = 0.002  # part of the points on each side that may lie beyond a plane's edges
MARGIN = 0.06  # of the width of a plane, beyond these points
POINTS = 121  # of a curved line
TOP = sqrt(3) / 2  # height of an equilateral triangle


class Places(NamedTuple):
    """Draws of prior and aggregate posterior on the same page.

    Attributes:
        prior: Places of the draws from p(z), ``(M, 2)``.
        codes: Places of those from q(z), ``(N, 2)``.
        lines: Lines of either panel, ``(P, 2)`` each: contours of the prior, the edge of the space.
        low, high: The corners of a panel, ``(2,)`` each.
        names: Of both axes, where they are coordinates.
        marks: Words at places of the panels.
        note: What the lines are and how places come about, in whole sentences.
    """

    prior: Tensor
    codes: Tensor
    lines: tuple[Tensor, ...]
    low: Tensor
    high: Tensor
    names: tuple[str, ...] = ()
    marks: tuple[tuple[str, tuple[float, float]], ...] = ()
    note: str = ""


def on_plane(
    q: Tensor, p: Tensor, prior: Distribution | Tensor, dims: Sequence[int], names: Sequence[str]
) -> Places:
    """Lay out two coordinates.

    Args:
        q: Draws from the aggregate posterior, ``(N, D)``.
        p: Draws from the prior, ``(M, D)``.
        prior: The prior; one of independent normal dimensions has contours.
        dims: The coordinates, two.
        names: What they are called.
    """
    chosen = list(dims)
    both = torch.cat([q[:, chosen], p[:, chosen]]).double()
    ends = torch.tensor([OUTERMOST, 1 - OUTERMOST], dtype=torch.float64)
    low, high = both.quantile(ends, 0)
    lines: tuple[Tensor, ...] = ()
    note = "Up to 0.2 % of the points on each side lie beyond the edges."
    if isinstance(prior, Independent) and isinstance(prior.base_dist, Normal):
        mean, deviation = (v.cpu().flatten()[chosen] for v in (prior.mean, prior.stddev))
        lines = tuple(mean + sqrt(-2 * log(1 - held)) * deviation * circle() for held in HELD)
        widest = lines[-1].double()
        low, high = low.minimum(widest.amin(0)), high.maximum(widest.amax(0))
        note = f"The lines hold {HELD[0]:.0%} and {HELD[1]:.0%} of the prior. {note}"
    room = MARGIN * (high - low).max()
    places = p[:, chosen], q[:, chosen]
    return Places(*places, lines, low - room, high + room, tuple(names), (), note)


def on_triangle(q: Tensor, p: Tensor, names: Sequence[str]) -> Places:
    """Lay out three shares ``(N, 3)`` of a whole: each corner is all of one.

    A place is the mean of the corners, weighed by the shares.
    """
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, TOP]])
    at = [(-0.02, -0.1), (1.02, -0.1), (0.5, TOP + 0.06)]
    low, high = torch.tensor([-0.14, -0.14]), torch.tensor([1.14, TOP + 0.14])
    places = p.float() @ corners, q.float() @ corners
    marks = tuple(zip(names, at, strict=True))
    note = "Each corner is all of the whole to one share, the opposite side none of it."
    return Places(*places, (corners[[0, 1, 2, 0]],), low, high, marks=marks, note=note)


def on_globe(q: Tensor, p: Tensor, dims: Sequence[int], names: Sequence[str]) -> Places:
    """Lay out the directions of three coordinates of unit vectors ``(N, D)`` by `hammer`."""
    chosen = list(dims)
    places = hammer(p[:, chosen]), hammer(q[:, chosen])
    around = torch.linspace(-pi, pi, POINTS)
    turns = torch.stack([around.cos(), around.sin()], -1)
    edge = turns * torch.tensor([2 * sqrt(2), sqrt(2)])
    equator = hammer(torch.nn.functional.pad(turns[1:-1], (0, 1)))
    middle = torch.tensor([[0.0, -sqrt(2)], [0.0, sqrt(2)]])
    corner = torch.tensor([2 * sqrt(2), sqrt(2)]) * 1.03
    front, right, top = names
    note = (
        f"All directions of {', '.join(names)} as equal areas (Hammer's map): the middle is "
        f"{front}, the line to the right leads over {right}, that to the top to {top}; the edge is "
        f"−{front}."
    )
    if q.shape[1] > len(chosen):
        note += " A uniform distribution on the sphere is uniform here too."
    return Places(*places, (edge, equator, middle), -corner, corner, note=note)


def hammer(points: Tensor) -> Tensor:
    r"""Map directions ``(N, 3)`` to places ``(N, 2)`` in an ellipse, equal areas to equal ones.

    .. math:: (x, y) = \frac{(2\sqrt2 \cos φ \sin\tfrac λ2,\; \sqrt2 \sin φ)}
        {\sqrt{1 + \cos φ \cos\tfrac λ2}}

    of the longitude λ around the third coordinate and the latitude φ.

    References:
        Über die Planisphäre von Aitow und verwandte Entwürfe (Hammer, 1892).
    """
    x, y, z = torch.nn.functional.normalize(points.float(), dim=-1).unbind(-1)
    half, cos = torch.atan2(y, x) / 2, (1 - z.square()).clamp_min(0).sqrt()
    scale = (2 / (1 + cos * half.cos())).sqrt()
    return torch.stack([2 * cos * half.sin(), z], -1) * scale.unsqueeze(-1)


def circle() -> Tensor:
    """Return a closed circle of radius one, ``(P, 2)``."""
    around = torch.linspace(0, 2 * pi, POINTS)
    return torch.stack([around.cos(), around.sin()], -1)
