"""Mutual information of codes and factors by histograms, and the gap between the best two."""

__all__ = ["mig", "modularity", "mutual_information"]

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.points import Array, checked


def mutual_information(
    codes: ArrayLike, factors: ArrayLike, *, bins: int = 20
) -> tuple[Array, Array]:
    """Estimate the mutual information of every code and factor from histograms.

    Codes are cut into bins of equal width over their range. The estimate of independent variables
    exceeds zero by about (bins − 1)(values − 1) / 2N nats.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        bins: Per code, at least 2.

    Returns:
        The information in nats, ``(D, F)``, and the entropies of the factors in nats, ``(F,)``.
    """
    z, v = checked(codes, factors)
    if bins < 2:
        raise ValueError(f"bins must be at least 2; got {bins}")
    information = np.empty((z.shape[1], v.shape[1]))
    for i, code in enumerate(z.T):
        cells = np.digitize(code, np.histogram_bin_edges(code, bins)[1:-1])
        for j, factor in enumerate(v.T):
            information[i, j] = of_cells(cells, factor, bins)
    return information, np.array([entropy(np.bincount(factor)) for factor in v.T])


def of_cells(cells: Array, factor: Array, bins: int) -> float:
    """Return the mutual information in nats of two discrete variables ``(N,)``."""
    joint = np.bincount(factor * bins + cells, minlength=(factor.max() + 1) * bins)
    joint = joint.reshape(-1, bins)
    difference = entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())
    return max(0.0, difference)


def entropy(counts: Array) -> float:
    """Return the entropy in nats of the distribution that counts give."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def mig(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> float:
    r"""Mutual information gap: how much more the best code says of a factor than the second best.

    .. math:: \frac1F \sum_j \frac{I(z_{(1)}; v_j) - I(z_{(2)}; v_j)}{H(v_j)}

    Needs no model. As in the literature that followed, I is estimated from histograms of one code
    per point, not from q(z|x) as in the paper.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        bins: Per code, at least 2.

    References:
        Isolating Sources of Disentanglement in VAEs (Chen et al., 2018), 1802.04942.
    """
    information, entropies = mutual_information(codes, factors, bins=bins)
    ordered = np.sort(np.pad(information, ((1, 0), (0, 0))), axis=0)
    return float(((ordered[-1] - ordered[-2]) / entropies).mean())


def modularity(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> float:
    r"""Whether each code depends on one factor only; 0 for a code that depends on none.

    .. math:: \frac1D \sum_i \Big(1 - \frac{\sum_{j \ne j_i} I_{ij}^2}{(F - 1) I_{i j_i}^2}\Big)

    with :math:`j_i` the factor of which code i says most. Needs no model. A code of noise has
    small, nearly equal estimates and so a small score, zero only if all factors have equally many
    values.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``.
        bins: Per code, at least 2.

    References:
        Learning Deep Disentangled Embeddings with the F-Statistic Loss (Ridgeway, Mozer, 2018),
        1802.05312.
    """
    square = mutual_information(codes, factors, bins=bins)[0] ** 2
    best = square.max(axis=1)
    rest = (square.sum(axis=1) - best) / (square.shape[1] - 1)
    share = np.divide(rest, best, out=np.ones_like(rest), where=best > 0)
    return float((1 - share).mean())
