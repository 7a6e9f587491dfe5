"""Whether predicted probabilities are right, and what an uncertain prediction is uncertain of."""

__all__ = [
    "Bins",
    "calibration_error",
    "coverage",
    "entropies",
    "expected_coverage_error",
    "expected_if_calibrated",
    "into_bins",
    "sizes",
]

from typing import NamedTuple

import torch
from torch import Tensor

REPEATS = 100  # of the experiment that says what a perfect model would show


class Bins(NamedTuple):
    """Predictions by their confidence: of each bin, ``(M,)``.

    Attributes:
        counts: How many predictions.
        confidence: Their mean confidence; 0 of an empty bin.
        accuracy: How many of them are right; 0 of an empty bin.
    """

    counts: Tensor
    confidence: Tensor
    accuracy: Tensor


def into_bins(confidence: Tensor, correct: Tensor, num_bins: int) -> Bins:
    """Sort predictions into equally wide bins of confidence.

    Args:
        confidence: Probability of the predicted class, ``(N,)`` in [0, 1].
        correct: Whether it was right, ``(N,)``.
        num_bins: M, at least 1.
    """
    confidence, correct = confidence.double(), correct.double()
    place = (confidence * num_bins).ceil().long().sub(1).clamp(0, num_bins - 1)
    count, summed, right = (
        torch.zeros(num_bins, dtype=torch.float64).index_add(0, place, values)
        for values in (torch.ones_like(confidence), confidence, correct)
    )
    filled = count.clamp_min(1)
    return Bins(count, summed / filled, right / filled)


def calibration_error(bins: Bins) -> float:
    r"""Return the expected calibration error, :math:`\sum_m \frac{n_m}N |acc_m - conf_m|`.

    It is biased: upwards, since a finite bin's accuracy is off by chance even where the model is
    right (see `expected_if_calibrated`), and downwards, since errors of both signs cancel in a bin.

    References:
        On Calibration of Modern Neural Networks (Guo, Pleiss, Sun, Weinberger, 2017), 1706.04599.
    """
    gaps = (bins.accuracy - bins.confidence).abs()
    return (bins.counts * gaps).sum().item() / bins.counts.sum().item()


def expected_if_calibrated(confidence: Tensor, num_bins: int) -> float:
    """Return the error that these confidences would show on average if they were all right."""
    confidence = confidence.double()
    drawn = [into_bins(confidence, torch.bernoulli(confidence), num_bins) for _ in range(REPEATS)]
    return sum(map(calibration_error, drawn)) / REPEATS


def entropies(log_p: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the entropy of the mean prediction and the mean of the entropies, ``(N,)`` nats.

    Their difference is the mutual information of label and weights: what more data could tell. Of K
    draws it comes out too low, by about 1/K of itself.

    Args:
        log_p: Log-probabilities under each draw of the weights, ``(K, N, C)``.

    References:
        Bayesian Active Learning for Classification and Preference Learning
        (Houlsby, Huszár, Ghahramani, Lengyel, 2011), 1112.5745.
    """
    p = log_p.exp()
    mean = p.mean(0)
    whole = -torch.xlogy(mean, mean).sum(-1)
    return whole, -(p * log_p.clamp_min(-1e4)).sum(-1).mean(0)


def sizes(num_bins: int) -> Tensor:
    """Return the nominal sizes 1/M, 2/M … 1 of central intervals, ``(M,)``."""
    return torch.arange(1, num_bins + 1, dtype=torch.float64) / num_bins


def coverage(below: Tensor, num_bins: int) -> Tensor:
    """Return how many values lie in central intervals of nominal size 1/M, 2/M … 1, ``(M,)``.

    Args:
        below: The predictive distribution function at each value, ``(N,)`` in [0, 1].
        num_bins: M, at least 1.
    """
    away = (2 * below.double() - 1).abs()
    return (away[:, None] <= sizes(num_bins)).double().mean(0)


def expected_coverage_error(count: int, num_bins: int) -> float:
    """Return the mean |coverage − size| that so many values would show if the model were right."""
    drawn = torch.stack([coverage(torch.rand(count), num_bins) for _ in range(REPEATS)])
    return (drawn - sizes(num_bins)).abs().mean().item()
