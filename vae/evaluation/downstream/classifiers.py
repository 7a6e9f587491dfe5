"""Classifiers of codes, and how well they do: plain functions of points and classes."""

__all__ = ["Score", "fit_logistic", "nearest_neighbors", "score", "standardized"]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 1024  # points whose distances to all others are held at once


class Score(NamedTuple):
    """How often a classifier is right.

    Attributes:
        accuracy: Share of the points that are classified correctly.
        accuracy_error: Its standard error, binomial.
        balanced: Mean over the classes of the share that is classified correctly.
        balanced_error: Its standard error, binomial within each class.
    """

    accuracy: float
    accuracy_error: float
    balanced: float
    balanced_error: float


def standardized(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Shift and scale both sets ``(N, D)`` to mean 0 and deviation 1 of the first, in float64.

    A dimension that never varies keeps its width.
    """
    std, mean = torch.std_mean(train.double(), dim=0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    return (train.double() - mean) / std, (test.double() - mean) / std


def fit_logistic(
    z: Tensor, y: Tensor, num_classes: int, *, penalty: float = 1.0, max_steps: int = 200
) -> tuple[Tensor, Tensor]:
    r"""Fit p(y|z) = softmax(Wz + b) by maximum a posteriori, to convergence.

    :math:`\min_{W, b} -\sum_n \log p(y_n|z_n) + \frac{\lambda}{2} \lVert W \rVert^2`, with full
    batches and L-BFGS: the problem is convex.

    Args:
        z: Points, ``(N, D)``, standardised.
        y: Classes from 0 to ``num_classes`` − 1, ``(N,)`` int64.
        num_classes: How many there are.
        penalty: λ ≥ 0, in nats.
        max_steps: Steps of L-BFGS at most, at least 1.

    Returns:
        W ``(num_classes, D)`` and b ``(num_classes,)``, float64.
    """
    x = F.pad(z.double(), (0, 1), value=1.0)  # the last column is the bias, without penalty
    w = torch.zeros(num_classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [w], max_iter=max_steps, tolerance_grad=1e-7, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        # Divided by N for the tolerances' sake; the minimum is the same.
        loss = F.cross_entropy(x @ w.T, y) + penalty / 2 * w[:, :-1].square().sum() / len(x)
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(closure)
    fitted = w.detach()
    return fitted[:, :-1], fitted[:, -1]


def nearest_neighbors(train: Tensor, y: Tensor, test: Tensor, *, k: int = 10) -> Tensor:
    """Return the most frequent class among the ``k`` nearest training points, ``(M,)``.

    Distances are Euclidean; of classes with as many votes the first is taken.

    Args:
        train: ``(N, D)``.
        y: Classes of ``train``, ``(N,)`` int64.
        test: ``(M, D)``.
        k: Neighbours, from 1 to N.
    """
    found = []
    for points in test.split(CHUNK):
        near = torch.cdist(points, train).topk(k, largest=False).indices
        found.append(y[near].cpu().mode(1).values)  # which is the lowest there
    return torch.cat(found)


def score(predicted: Tensor, y: Tensor) -> Score:
    """Compare predicted classes ``(M,)`` with the true ones ``(M,)``.

    Classes that do not occur among the true ones do not count in the balanced accuracy.
    """
    right = (predicted == y).double()
    accuracy = right.mean().item()
    classes, rows = y.unique(return_inverse=True)
    counts = torch.bincount(rows).double()
    recall = torch.zeros(len(classes), dtype=torch.float64).index_add_(0, rows, right) / counts
    variance = (recall * (1 - recall) / counts).sum() / len(classes) ** 2
    error = (accuracy * (1 - accuracy) / len(y)) ** 0.5
    return Score(accuracy, error, recall.mean().item(), variance.sqrt().item())
