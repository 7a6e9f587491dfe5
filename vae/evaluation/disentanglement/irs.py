"""The interventional robustness score."""

__all__ = ["irs"]

import numpy as np
from numpy.typing import ArrayLike

from vae.evaluation.disentanglement.points import checked


def irs(codes: ArrayLike, factors: ArrayLike, *, quantile: float = 0.99) -> float:
    """Whether a code stays where it is when all factors but one change.

    For each factor and code: how far points that share a value lie from their mean (a high quantile
    of the distances, averaged over values), relative to how far any point lies from the mean of
    all. The score is one minus that for a code's best factor, averaged over codes with their
    largest distance as weight. Needs no model. Codes of noise do not reach 0, as the quantile lies
    below the largest distance.

    Args:
        codes: ``(N, D)``.
        factors: ``(N, F)``, assumed independent and each value equally likely.
        quantile: Of the distances, above 0; 1 is the paper's maximum, 0.99 its authors' code.

    Returns:
        From 0 to 1; 0 if every code is constant.

    References:
        Robustly Disentangled Causal Mechanisms: Validating Deep Representations for Interventional
        Robustness (Suter, Miladinović, Schölkopf, Bauer, 2019), 1811.00007.
    """
    z, v = checked(codes, factors)
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be above 0 and at most 1; got {quantile}")
    largest = np.abs(z - z.mean(axis=0)).max(axis=0)
    varies = largest > 1e-12 * np.abs(z).max(axis=0)
    if not varies.any():
        return 0.0
    z, largest = z[:, varies], largest[varies]
    moved = np.empty((z.shape[1], v.shape[1]))
    for j, factor in enumerate(v.T):
        parts = [z[factor == value] for value in range(factor.max() + 1)]
        distances = [np.quantile(np.abs(p - p.mean(axis=0)), quantile, axis=0) for p in parts]
        moved[:, j] = np.mean(distances, axis=0)
    return float(np.average(1 - moved.min(axis=1) / largest, weights=largest))
