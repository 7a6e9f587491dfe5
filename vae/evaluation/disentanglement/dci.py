"""Disentanglement, completeness and informativeness by the importances of boosted trees."""

__all__ = ["DCI", "dci"]

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.boosting import boost
from vae.evaluation.disentanglement.points import Array, checked, split


class DCI(NamedTuple):
    """What `dci` returns.

    Attributes:
        disentanglement: Whether each code matters for one factor only, from 0 to 1.
        completeness: Whether for each factor one code only matters, from 0 to 1.
        informativeness: Accuracy with which the factors of held-out points are found.
        importance: Of each code for each factor, ``(D, F)``; columns sum to 1.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Array


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    rounds: int = 100,
    bins: int = 128,
    test_fraction: float = 1 / 3,
    seed: int = 0,
) -> DCI:
    """Predict each factor from all codes and see which codes the prediction uses.

    Disentanglement is one minus the entropy of a code's importances, to base F, averaged over
    codes with the importance of each as weight; completeness is one minus the entropy of a
    factor's importances, to base D. Needs no model. The predictor is gradient boosted trees (see
    `boost`), as is usual since "Challenging Common Assumptions" (Locatello et al., 2019); the paper
    has lasso and random forests.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        rounds: Trees per value of a factor, at least 1.
        bins: Quantiles of a code between which the trees may split, at least 2.
        test_fraction: Of the points, held out for the informativeness.
        seed: Of the choice of these points.

    References:
        A framework for the quantitative evaluation of disentangled representations (Eastwood,
        Williams, 2018).
    """
    z, v = checked(codes, factors)
    if rounds < 1 or bins < 2:
        raise ValueError(f"expected rounds ≥ 1 and bins ≥ 2; got rounds={rounds}, bins={bins}")
    train, test = split(len(z), test_fraction, seed)
    rows = np.concatenate([train, test])
    fits = [boost(z[rows], y, len(train), rounds=rounds, bins=bins) for y in v[rows].T]
    columns, found = zip(*fits, strict=True)
    matrix, right = np.stack(columns, axis=1), np.stack(found, axis=1) == v[rows]
    accuracy = float(right[len(train) :].mean())
    return DCI(concentration(matrix), concentration(matrix.T), accuracy, matrix)


def concentration(matrix: Array) -> float:
    """Return one minus the entropy of each row, averaged with the sums of the rows as weights."""
    weights = matrix.sum(axis=1)
    if not weights.any():
        return 0.0
    p = matrix[weights > 0] / weights[weights > 0, None]
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    entropies = -(p * logs).sum(axis=1) / np.log(max(2, matrix.shape[1]))
    return float(np.average(1 - entropies, weights=weights[weights > 0]))
