"""Angles of unit vectors in the plane, as a histogram around a circle."""

__all__ = ["rose"]

from dataclasses import replace
from math import pi
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.drawing.marginals import OF_PRIOR
from vae.evaluation.drawing.palette import CLASSES
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import figured

BINS = 36
SIZE = (360, 300)  # pixels of CSS


def rose(q: Tensor, p: Tensor) -> Picture:
    """Draw the density of the angle of q(z) and of p(z) around a circle.

    Args:
        q: Unit vectors from the aggregate posterior, ``(N, 2)``.
        p: Unit vectors from the prior, ``(M, 2)``.
    """
    from matplotlib.ticker import MaxNLocator

    edges = torch.linspace(-pi, pi, BINS + 1)
    of_q, of_p = densities(q), densities(p)

    def fill(figure: Any) -> None:
        axes = figure.add_subplot(projection="polar")
        whole = {"width": 2 * pi / BINS, "align": "edge"}
        axes.bar(edges[:-1].numpy(), of_q.numpy(), color=CLASSES[0], alpha=0.6, **whole)
        around = torch.cat([of_p, of_p[-1:]]).numpy()
        axes.step(edges.numpy(), around, where="post", color=OF_PRIOR)
        axes.set_xticks([0, pi / 2, pi, 3 * pi / 2], ["z0", "z1", "−z0", "−z1"])
        axes.set_rlabel_position(float(of_q.argmin() + 0.5) * 360 / BINS - 180)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.spines["polar"].set_visible(False)

    drawn = figured(fill, SIZE, (("q(z)", CLASSES[0]), ("p(z)", OF_PRIOR)))
    note = (
        f"The density of the angle of {len(q):,} draws of q(z) and {len(p):,} of p(z), per radian, "
        "outwards from the centre."
    )
    return replace(drawn, note=note)


def densities(points: Tensor) -> Tensor:
    """Return the density of the angle of points ``(N, 2)`` in each of the bins, per radian."""
    angles = torch.atan2(points[:, 1], points[:, 0])
    counts = torch.histc(angles.float(), BINS, -pi, pi)
    return counts / len(points) * BINS / (2 * pi)
