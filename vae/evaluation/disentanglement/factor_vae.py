"""The FactorVAE score: which code varies least among points that share a factor."""

__all__ = ["factor_vae_score"]

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.points import Array, PointGroup, checked

BLOCK = 1000  # votes at once


def factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    batch_size: int = 64,
    min_std: float = 0.05,
    seed: int = 0,
) -> float:
    """Accuracy of a majority vote for the factor that a batch shares.

    A vote is a batch of points that share one factor's value: the code of least variance in it,
    relative to its variance over all points, stands for that factor. The votes for training say
    which factor each code stands for most, those for evaluation how often that is so.

    Needs no model and no access to the grid of factors: a batch is drawn with replacement from the
    stored points that share the value (see `PointGroup`), where the paper draws anew; hundreds of
    points per value make the difference small.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        num_train: Votes for training, at least 1.
        num_eval: Votes for evaluation, at least 1.
        batch_size: Points per vote, at least 2.
        min_std: Codes whose standard deviation is less are left out, in units of the codes.
        seed: Of the draws.

    Returns:
        From 1/F, chance, to 1; 0 if every code is left out.

    References:
        Disentangling by Factorising (Kim, Mnih, 2018), 1802.05983.
    """
    z, v = checked(codes, factors)
    if num_train < 1 or num_eval < 1 or batch_size < 2 or min_std < 0:
        raise ValueError(
            "expected num_train ≥ 1, num_eval ≥ 1, batch_size ≥ 2 and min_std ≥ 0; "
            f"got {num_train}, {num_eval}, {batch_size} and {min_std}"
        )
    deviation = z.std(axis=0, ddof=1)
    # Rounding leaves constant codes a deviation, which must not count where nothing is pruned.
    used = deviation > np.maximum(min_std, 1e-12 * np.abs(z).max(axis=0))
    if not used.any():
        return 0.0
    scaled = (z[:, used] - z[:, used].mean(axis=0)) / deviation[used]
    groups, rng = [PointGroup(column) for column in v.T], np.random.default_rng(seed)
    stands_for = count_votes(scaled, groups, num_train, batch_size, rng).argmax(axis=0)
    votes = count_votes(scaled, groups, num_eval, batch_size, rng)
    return float(votes[stands_for, np.arange(votes.shape[1])].sum() / num_eval)


def count_votes(
    z: Array, groups: list[PointGroup], count: int, batch_size: int, rng: np.random.Generator
) -> Array:
    """Return how often each code varied least when each factor was shared, ``(F, D)``."""
    votes = np.zeros((len(groups), z.shape[1]), dtype=np.int64)
    shares = np.bincount(rng.integers(len(groups), size=count), minlength=len(groups))
    for row, group, share in zip(votes, groups, shares, strict=True):
        for start in range(0, share, BLOCK):
            anchors = group.anchors((min(BLOCK, share - start),), rng)
            batch = z[group.same(anchors, batch_size, rng)]
            row += np.bincount(batch.var(axis=1).argmin(axis=1), minlength=len(row))
    return votes
