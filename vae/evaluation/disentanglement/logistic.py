"""Logistic regressions of many targets at once, by Newton's method."""

__all__ = ["areas_under_curves", "decisions"]

import numpy as np
import torch

from vae.evaluation.disentanglement.points import Array
from vae.evaluation.downstream.auroc import share_below

MOST_STEPS, MOST_HALVINGS = 100, 30
SMALLEST_GRADIENT = 1e-6  # of a regression, per point
ENOUGH = 1e-4  # of what the slope promises, that a step has to gain
ROUNDING = 1e-12  # of a sum over points
AT_ONCE = 2**22  # numbers of an array of points and targets


def decisions(x: Array, target: Array, test_x: Array) -> Array:
    r"""Return the log-odds of each target at test points, ``(M, V)``.

    Of each target v by itself the regression minimises :math:`\sum_n \log(1 + \exp(-y_{nv}
    (x_n^\top w_v + b_v))) + \tfrac12 \|w_v\|^2`, y = ±1: scikit-learn's with its own settings. Each
    step is one of Newton's, cut in half until it gains enough.

    Args:
        x: Features, ``(N, D)``.
        target: Which points are of each target, ``(N, V)``, bool.
        test_x: ``(M, D)``.

    Raises:
        ValueError: If all points or none are of a target.
    """
    if (target.all(0) | ~target.any(0)).any():
        raise ValueError("a target that all points have, or none, cannot be told from the rest")
    width = max(1, AT_ONCE // len(x))
    blocks = [target[:, first : first + width] for first in range(0, target.shape[1], width)]
    w = np.concatenate([coefficients(with_one(x), block) for block in blocks])
    found: Array = with_one(test_x) @ w.T
    return found


def with_one(x: Array) -> Array:
    """Return features ``(N, D)`` with a further one that is 1, for the bias."""
    return np.concatenate([x, np.ones((len(x), 1))], 1)


def coefficients(x: Array, target: Array) -> Array:
    """Return the weights of features ``(N, D + 1)``, of which the last is not regularised."""
    sign, w = np.where(target, 1.0, -1.0), np.zeros((target.shape[1], x.shape[1]))
    penalty = np.append(np.ones(x.shape[1] - 1), 0.0)

    def objective(w: Array) -> tuple[Array, Array]:
        margin = sign * (x @ w.T)
        value: Array = np.logaddexp(0, -margin).sum(0) + 0.5 * (penalty * w**2).sum(1)
        return value, margin

    value, margin = objective(w)
    for _ in range(MOST_STEPS):
        wrong = np.exp(-np.logaddexp(0, margin))  # the probability of the other answer
        gradient = penalty * w - (wrong * sign).T @ x
        if np.abs(gradient).max() <= SMALLEST_GRADIENT * len(x):
            break
        spread = (wrong * (1 - wrong)).T
        curvature = np.stack([(x * of_points[:, None]).T @ x for of_points in spread])
        # The last term keeps the bias from being singular where all probabilities are 0 or 1.
        curvature += np.diag(penalty + 1e-10 * len(x))
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        slope, size = (gradient * step).sum(1), np.ones(len(w))
        for _ in range(MOST_HALVINGS):
            tried, margin = objective(w - size[:, None] * step)
            short = tried > value * (1 + ROUNDING) - ENOUGH * size * slope
            if not short.any():
                break
            size = np.where(short, size / 2, size)
        w, value = w - size[:, None] * step, tried
    return w


def areas_under_curves(decision: Array, target: Array) -> Array:
    """Return the area under the ROC curve of each target, ``(V,)``.

    The share of pairs of a point of the target and another in which the first has the larger
    decision; equal ones count half.

    Args:
        decision: ``(N, V)``.
        target: ``(N, V)``, bool.

    Raises:
        ValueError: If all points or none are of a target.
    """
    if (target.all(0) | ~target.any(0)).any():
        raise ValueError("a target that all points have, or none, has no curve")
    columns = zip(torch.from_numpy(decision).T, torch.from_numpy(target).T, strict=True)
    return np.array([share_below(d[~of_it], d[of_it]).mean().item() for d, of_it in columns])
