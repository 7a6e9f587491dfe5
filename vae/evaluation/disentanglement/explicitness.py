"""Explicitness: whether factors can be read off the codes linearly."""

__all__ = ["explicitness"]

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.logistic import areas_under_curves, decisions
from vae.evaluation.disentanglement.points import Array, checked, split, standardised


def explicitness(
    codes: ArrayLike, factors: ArrayLike, *, test_fraction: float = 1 / 3, seed: int = 0
) -> float:
    """How well logistic regressions of all codes tell each value of a factor from the rest.

    The area under the ROC curve on held-out points, rescaled from 0 for chance to 1, averaged over
    values, then over factors. Needs no model. A value in the midst of a code's range cannot be told
    linearly from its neighbours on both sides: codes equal to the factors reach 1 only for factors
    of two values, one-hot codes always.

    Args:
        codes: ``(N, D)``; standardised before they are classified.
        factors: ``(N, F)``.
        test_fraction: Of the points, held out.
        seed: Of the choice of these points.

    References:
        Learning Deep Disentangled Embeddings with the F-Statistic Loss (Ridgeway, Mozer, 2018),
        1802.05312.
    """
    z, v = checked(codes, factors)
    train, test = split(len(z), test_fraction, seed)
    z = standardised(z, z[train])
    areas = [areas_of(z[train], column[train], z[test], column[test]) for column in v.T]
    return float(np.mean([2 * np.mean(area) - 1 for area in areas]))


def areas_of(z: Array, factor: Array, test_z: Array, test_factor: Array) -> Array:
    """Return the area under the curve for each value that occurs in both parts."""
    values = np.intersect1d(factor, test_factor)
    found = decisions(z, factor[:, None] == values, test_z)
    return areas_under_curves(found, test_factor[:, None] == values)
