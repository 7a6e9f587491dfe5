"""Separated attribute predictability."""

__all__ = ["sap"]

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.points import Array, checked, split


def sap(
    codes: ArrayLike, factors: ArrayLike, *, test_fraction: float = 1 / 3, seed: int = 0
) -> float:
    """How much better the best single code predicts a factor than the second best does.

    Each factor is classified from each code alone by a linear support vector machine, C = 0.01,
    classes weighted to balance; the score is the gap between the two best accuracies on held-out
    points, averaged over factors. Needs no model. Depends on the scale of the codes, which the
    regularisation is measured against. A linear classifier of one code tells only few values of a
    factor apart, so that the largest score is well below 1 for factors of many values.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        test_fraction: Of the points, held out.
        seed: Of the choice of these points.

    References:
        Variational Inference of Disentangled Latent Concepts from Unlabeled Observations (Kumar,
        Sattigeri, Balakrishnan, 2018), 1711.00848.
    """
    z, v = checked(codes, factors)
    train, test = split(len(z), test_fraction, seed)
    scores = np.zeros((z.shape[1] + 1, v.shape[1]))  # below the codes one that predicts nothing
    for i, code in enumerate(z.T):
        for j, factor in enumerate(v.T):
            scores[i, j] = accuracy(code[train], factor[train], code[test], factor[test])
    scores.sort(axis=0)
    return float((scores[-1] - scores[-2]).mean())


def accuracy(code: Array, factor: Array, test_code: Array, test_factor: Array) -> float:
    """Return the accuracy on test points of classifying a factor ``(N,)`` by a code ``(N,)``."""
    from sklearn.svm import LinearSVC

    classifier = LinearSVC(C=0.01, class_weight="balanced", dual=False, random_state=0)
    classifier.fit(code[:, None], factor)
    return float(classifier.score(test_code[:, None], test_factor))
