"""Gradient boosted trees with importances, for all classes of a factor at once."""

__all__ = ["boost"]

from typing import Any

import numpy as np

from vae.evaluation.disentanglement.points import Array

DEPTH = 3
RATE = 0.1


def boost(x: Array, y: Array, num_train: int, *, rounds: int, bins: int) -> tuple[Array, Array]:
    """Fit boosted trees to the first points and classify all.

    The same algorithm as scikit-learn's ``GradientBoostingClassifier`` with its defaults (depth 3,
    rate 0.1, squared error as criterion, one Newton step per leaf), the definition of importance
    included: the share of each input in the decrease of the squared error over all splits. Splits
    lie between ``bins`` quantiles, and the trees of all classes grow together: many times as fast.

    Args:
        x: ``(N, D)``.
        y: ``(N,)`` classes 0, …, C−1.
        num_train: How many points, from the first, are fitted.
        rounds: Trees per class.
        bins: Cells per input; more than an input has values makes its splits exact.

    Returns:
        Importances, ``(D,)``, which sum to 1 or are all 0, and the classes found, ``(N,)``.

    References:
        Greedy function approximation: a gradient boosting machine (Friedman, 2001).
    """
    cells = quantile_cells(x, num_train, bins)
    members = membership(cells[:num_train], bins)
    target = np.eye(y.max() + 1)[y[:num_train]]
    classes = np.arange(target.shape[1])
    prior = target.mean(axis=0).clip(np.finfo(np.float32).eps)
    scores = np.tile(np.log(prior), (len(x), 1))
    importances = np.zeros(x.shape[1])
    for _ in range(rounds):
        weights = np.exp(scores[:num_train] - scores[:num_train].max(axis=1, keepdims=True))
        p = weights / weights.sum(axis=1, keepdims=True)
        leaf = grow(cells, members, target - p, importances)
        values = leaf_values(leaf[:num_train], target - p, p * (1 - p))
        scores += RATE * values[leaf, classes]
    total = importances.sum()
    return importances / total if total > 0 else importances, scores.argmax(axis=1)


def quantile_cells(x: Array, num_train: int, bins: int) -> Array:
    """Return the number of the cell in which each value lies, ``(N, D)``."""
    columns = []
    for column in x.T:
        values = np.unique(column[:num_train])
        if len(values) <= bins:
            edges = (values[1:] + values[:-1]) / 2
        else:
            edges = np.unique(np.quantile(column[:num_train], np.arange(1, bins) / bins))
        columns.append(np.searchsorted(edges, column))
    return np.stack(columns, axis=1)


def membership(cells: Array, bins: int) -> Any:
    """Return the sparse matrix ``(D·bins, N)`` whose product with columns sums them by cell."""
    from scipy.sparse import csc_array

    count, dims = cells.shape
    rows = (cells + bins * np.arange(dims)).ravel()
    starts = np.arange(count + 1) * dims
    return csc_array((np.ones(rows.size), rows, starts), shape=(dims * bins, count))


def grow(cells: Array, members: Any, gradient: Array, importances: Array) -> Array:
    """Grow a tree per class and return the leaf of each point in each, ``(N, C)``.

    Adds to ``importances`` what each input gained. In each tree the nodes of a level are numbered
    from left to right; a node that cannot be split sends all its points to the left.
    """
    num_train, num_classes = gradient.shape
    classes = np.arange(num_classes)
    node = np.zeros((len(cells), num_classes), dtype=np.int64)
    inside = np.ones((num_train, num_classes, 1))
    sums = summed(members, gradient, inside, cells.shape[1])
    for level in range(DEPTH):
        dim, cell, gain = best_splits(sums)
        importances += np.bincount(dim.ravel(), gain.ravel(), minlength=len(importances))
        at = classes, node
        node = 2 * node + (np.take_along_axis(cells, dim[at], axis=1) > cell[at])
        if level < DEPTH - 1:
            inside = node[:num_train, :, None] == 2 * np.arange(2**level)
            left = summed(members, gradient, inside, cells.shape[1])
            sums = np.stack([left, sums - left], axis=-1).reshape(*sums.shape[:-1], -1)
    return node


def summed(members: Any, gradient: Array, inside: Array, dims: int) -> Array:
    """Return the number and gradient of the points in each cell, ``(2, D, bins, C, nodes)``.

    Args:
        members: ``(D·bins, N)``.
        gradient: ``(N, C)``.
        inside: Which points count for which node, ``(N, C, nodes)``.
        dims: D.
    """
    columns = np.stack([inside, inside * gradient[:, :, None]], axis=1)
    by_cell = members @ columns.reshape(len(gradient), -1)
    return np.moveaxis(by_cell.reshape(dims, -1, *columns.shape[1:]), 2, 0)


def best_splits(sums: Array) -> tuple[Array, Array, Array]:
    """Return input, last cell on the left and gain of each node's best split, ``(C, nodes)``."""
    bins, *shape = sums.shape[2:]
    below = sums.cumsum(axis=2)
    total = below[:, :, -1:]
    (n_left, g_left), (n_right, g_right) = below, total - below
    possible = (n_left > 0.5) & (n_right > 0.5)
    mean_left = np.divide(g_left, n_left, out=np.zeros_like(g_left), where=possible)
    mean_right = np.divide(g_right, n_right, out=np.zeros_like(g_right), where=possible)
    n = np.maximum(total[0], 1)
    gains = (possible * n_left * n_right / n * (mean_left - mean_right) ** 2).reshape(-1, *shape)
    best = gains.argmax(axis=0)
    gain = np.take_along_axis(gains, best[None], axis=0)[0]
    return best // bins, np.where(gain > 0, best % bins, bins), gain


def leaf_values(leaf: Array, gradient: Array, curvature: Array) -> Array:
    """Return one Newton step per leaf and class, ``(leaves, C)``."""
    classes = leaf.shape[1]
    where, size = (leaf * classes + np.arange(classes)).ravel(), 2**DEPTH * classes
    top = np.bincount(where, gradient.ravel(), minlength=size) * (classes - 1) / classes
    bottom = np.bincount(where, curvature.ravel(), minlength=size)
    step = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 1e-150)
    return step.reshape(-1, classes)
