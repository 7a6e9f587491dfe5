"""The standard error of a score, by its spread over parts of the points."""

__all__ = ["FEWEST", "NUM_PARTS", "error_by_parts"]

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vae.evaluation.disentanglement.points import Array

NUM_PARTS = 10
FEWEST = 100  # points of a part
VOTES = ("num_train", "num_eval")  # shared out among the parts as well


def error_by_parts(
    score: Callable[..., float], z: Array, v: Array, settings: Mapping[str, Any], *, seed: int = 0
) -> float | None:
    r"""Return the standard error of a score over other points and votes.

    The deviation of the scores of M disjoint random parts, over :math:`\sqrt M`: right where the
    variance of a score falls as 1/N, whatever its bias at fewer points is.

    Args:
        score: Of codes and factors.
        z: Codes, ``(N, D)``.
        v: Factors, ``(N, F)``.
        settings: Further arguments of the score.
        seed: Of the choice of the parts.

    Returns:
        ``None`` of fewer than 100 points a part, or where a part cannot be scored because a factor
        takes only one value in it.

    References:
        Large sample confidence regions based on subsamples under minimal assumptions (Politis,
        Romano, 1994).
    """
    if len(z) < NUM_PARTS * FEWEST:
        return None
    rows = np.array_split(np.random.default_rng(seed).permutation(len(z)), NUM_PARTS)
    shared = {name: max(1, settings[name] // NUM_PARTS) for name in VOTES if name in settings}
    try:
        scores = [score(z[part], v[part], **{**settings, **shared}) for part in rows]
    except ValueError:
        return None
    return float(np.std(scores, ddof=1)) / NUM_PARTS**0.5
