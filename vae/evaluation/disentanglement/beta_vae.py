"""The β-VAE score: a linear classifier tells which factor pairs of points share."""

__all__ = ["beta_vae_score"]

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.points import Array, PointGroup, checked

BLOCK = 1000  # votes at once


def beta_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    batch_size: int = 64,
    seed: int = 0,
) -> float:
    """Accuracy of a linear classifier of the factor that the pairs of a batch share.

    The classifier, a logistic regression, sees the mean over a batch of pairs of |z − z′|; the two
    of a pair share the factor's value, another one in each pair.

    Needs no model and no access to the grid of factors: the other point of a pair is drawn from
    the stored ones that share the value (see `PointGroup`), where the paper draws anew.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        num_train: Batches for training, at least 1.
        num_eval: Batches for evaluation, at least 1.
        batch_size: Pairs per batch, at least 1.
        seed: Of the draws.

    Returns:
        From 1/F, chance, to 1.

    References:
        β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework (Higgins et
        al., 2017).
    """
    from sklearn.linear_model import LogisticRegression

    z, v = checked(codes, factors)
    if num_train < 1 or num_eval < 1 or batch_size < 1:
        raise ValueError(
            "expected num_train, num_eval and batch_size of at least 1; "
            f"got {num_train}, {num_eval} and {batch_size}"
        )
    groups, rng = [PointGroup(column) for column in v.T], np.random.default_rng(seed)
    # Which factor a batch shares is drawn only for evaluation: the classifier gets all alike.
    x, y = differences(z, groups, num_train, batch_size, rng)
    classifier = LogisticRegression(max_iter=10_000).fit(x, y)
    return float(classifier.score(*differences(z, groups, num_eval, batch_size, rng)))


def differences(
    z: Array, groups: list[PointGroup], count: int, batch_size: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the mean differences of batches of pairs ``(M, D)`` and what they share ``(M,)``."""
    shared = np.sort(rng.integers(len(groups), size=count))
    rows = []
    for factor, group in enumerate(groups):
        share = int((shared == factor).sum())
        for start in range(0, share, BLOCK):
            one = group.anchors((min(BLOCK, share - start), batch_size), rng)
            rows.append(np.abs(z[one] - z[group.others(one, rng)]).mean(axis=1))
    return np.concatenate(rows), shared
