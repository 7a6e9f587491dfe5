"""Unsupervised disentanglement ranking: whether runs agree on the codes they find."""

__all__ = ["UDR", "lasso_weights", "rank_correlations", "udr"]

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.points import Array, standardised


class UDR(NamedTuple):
    """What `udr` returns.

    Attributes:
        scores: Of each run, the median over the others, ``(R,)``, from 0 to 1.
        pairs: Of each pair of runs, ``(R, R)``, symmetric up to the similarity; 1 on the diagonal.
    """

    scores: Array
    pairs: Array


def rank_correlations(one: Array, other: Array) -> Array:
    """Return the absolute Spearman correlations of codes ``(N, D)`` and ``(N, E)``, ``(D, E)``."""
    from scipy.stats import rankdata

    ranks = [rankdata(codes, axis=0) for codes in (one, other)]
    a, b = (standardised(r, r) for r in ranks)
    return np.abs(a.T @ b) / len(a)


def lasso_weights(one: Array, other: Array) -> Array:
    """Return the absolute weights of lasso regressions (α = 0.1) of each code on the others.

    Of codes ``(N, D)`` and ``(N, E)``, ``(D, E)``. Equal codes have weight 1 − α, so that the score
    of runs that agree perfectly is 0.9.
    """
    from sklearn.linear_model import Lasso

    a, b = standardised(one, one), standardised(other, other)
    return np.abs(np.atleast_2d(Lasso(alpha=0.1).fit(a, b).coef_)).T


def udr(
    codes: Sequence[ArrayLike],
    kl_per_dim: Sequence[ArrayLike],
    *,
    min_kl: float = 0.01,
    similarity: Callable[[Array, Array], Array] = rank_correlations,
) -> UDR:
    r"""Score runs by how well their codes match, up to order, sign and scale.

    .. math:: \frac{1}{d_a + d_b} \Big(\sum_b \frac{\max_a R_{ab}^2}{\sum_a R_{ab}} +
        \sum_a \frac{\max_b R_{ab}^2}{\sum_b R_{ab}}\Big)

    over the informative codes of two runs, and its median over the other runs. Needs no factors
    and no models. The idea: what is disentangled is found again from another seed, what is
    entangled is rotated at random.

    Args:
        codes: Of each run, ``(N, D)`` on the same examples in the same order; D may differ.
        kl_per_dim: Of each run, the mean KL of each code in nats, ``(D,)``.
        min_kl: Codes with less are uninformative and left out, in nats.
        similarity: Of codes ``(N, D)`` and ``(N, E)``, ``(D, E)`` ≥ 0: `rank_correlations` or
            `lasso_weights`.

    Raises:
        ValueError: If there are fewer than two runs, or the shapes do not fit.

    References:
        Unsupervised Model Selection for Variational Disentangled Representation Learning (Duan et
        al., 2020), 1905.12614.
    """
    if len(codes) < 2:
        raise ValueError(f"UDR compares at least two runs; got {len(codes)}")
    runs = [informative(*run, min_kl) for run in zip(codes, kl_per_dim, strict=True)]
    if len({len(run) for run in runs}) > 1:
        raise ValueError("the runs have different numbers of examples; use the same examples")
    count = len(runs)
    pairs = np.eye(count)
    for i in range(count):
        for j in range(count):
            if i != j:
                pairs[i, j] = agreement(runs[i], runs[j], similarity)
    others = pairs[~np.eye(count, dtype=bool)].reshape(count, count - 1)
    return UDR(np.median(others, axis=1), pairs)


def informative(codes: ArrayLike, kl_per_dim: ArrayLike, min_kl: float) -> Array:
    """Return the codes whose KL is at least ``min_kl``, ``(N, D')``."""
    z, kl = np.asarray(codes, dtype=np.float64), np.asarray(kl_per_dim, dtype=np.float64)
    if z.ndim != 2 or kl.shape != z.shape[1:]:
        raise ValueError(f"expected codes (N, D) and KL (D,); got {z.shape} and {kl.shape}")
    return z[:, kl >= min_kl]


def agreement(one: Array, other: Array, similarity: Callable[[Array, Array], Array]) -> float:
    """Return the score of two runs; 0 if either has no informative code."""
    if 0 in (one.shape[1], other.shape[1]):
        return 0.0
    r = similarity(one, other)
    total = 0.0
    for axis in (0, 1):
        best, whole = r.max(axis=axis), r.sum(axis=axis)
        total += np.divide(best**2, whole, out=np.zeros_like(best), where=whole > 0).sum()
    return float(total / sum(r.shape))
