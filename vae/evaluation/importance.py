"""What importance weights say: log p(x), and how far to trust it."""

__all__ = ["effective_sample_size", "log_mean_weights", "pareto_k"]

from math import log

import torch
from torch import Tensor

FEWEST = 25  # samples of which a tail can be fitted: five of them
UNTRUSTED = 0.7  # k̂ above which no practical number of samples makes the mean trustworthy


def log_mean_weights(log_w: Tensor, num_samples: int) -> Tensor:
    r"""Estimate log p(x) with K samples from J ≥ K, ``(B,)``, in nats.

    The mean over the J // K disjoint blocks of :math:`\log \frac1K \sum_k w_k`, whose expectation
    rises to log p(x) with K.

    Args:
        log_w: Log-weights log p(x, z) − log q(z|x), ``(J, B)``.
        num_samples: K, from 1 to J.

    Returns:
        Double precision.

    Raises:
        ValueError: If K is out of range.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """
    if not 1 <= num_samples <= len(log_w):
        raise ValueError(f"num_samples must be from 1 to {len(log_w)}; got {num_samples}")
    whole = len(log_w) // num_samples * num_samples
    blocks = log_w[:whole].double().unflatten(0, (-1, num_samples))
    return blocks.logsumexp(1).mean(0) - log(num_samples)


def effective_sample_size(log_w: Tensor) -> Tensor:
    r"""Return :math:`(\sum w)^2 / \sum w^2` of log-weights ``(K, B)``, ``(B,)``, 1 to K."""
    log_w = log_w.double()
    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp()


def pareto_k(log_w: Tensor) -> Tensor:
    r"""Return the shape k̂ of the weights' upper tail, ``(B,)``.

    The weights have 1/k moments: above ½ their variance is infinite, and above 0.7 no practical
    number of samples makes their mean trustworthy. A generalised Pareto distribution is fitted to
    the min(K/5, 3√K) largest weights.

    Args:
        log_w: Log-weights, ``(K, B)``.

    Returns:
        k̂, drawn towards ½ as if by ten more weights; −∞ where the tail's weights do not differ
        beyond rounding; NaN of fewer than 25 samples.

    References:
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2015),
        1507.02646.
    """
    num_samples = len(log_w)
    if num_samples < FEWEST:
        return log_w.new_full(log_w.shape[1:], torch.nan, dtype=torch.float64)
    size = int(min(num_samples / 5, 3 * num_samples**0.5))
    largest = log_w.topk(size + 1, dim=0).values.double()
    tail = (largest - largest[0]).exp()
    excess = (tail[:-1] - tail[-1]).flip(0)
    k = (size * fit_pareto(excess) + 10 * 0.5) / (size + 10)
    rounding = 64 * torch.finfo(log_w.dtype).eps * log_w.abs().amax(0).double().clamp_min(1)
    return torch.where(excess[-1] <= rounding, -torch.inf, k)


def fit_pareto(excess: Tensor) -> Tensor:
    r"""Fit the shape k of :math:`p(y) ∝ (1 + k y / σ)^{-1/k - 1}`, ``(B,)``.

    The posterior mean of b = −k/σ on a grid, with the likelihood's maximum over σ at each; then
    k is the mean of log(1 − b y).

    Args:
        excess: Draws y ≥ 0 in ascending order, ``(M, B)`` with M of at least 5.

    References:
        A New and Efficient Estimation Method for the Generalized Pareto Distribution (Zhang,
        Stephens, 2009), whose k has the other sign.
    """
    size = len(excess)
    count = 30 + int(size**0.5)
    j = torch.arange(1, count + 1, dtype=excess.dtype, device=excess.device)
    # Where one weight outweighs all others, the rest is zero in floating point.
    quartile = excess[int(size / 4 + 0.5) - 1].clamp_min(1e-200)
    spread = (1 - (count / (j - 0.5)).sqrt())[:, None] / (3 * quartile)
    b = spread + 1 / excess[-1]  # (count, B)
    k = torch.stack([(-row * excess).log1p().mean(0) for row in b])
    profile = size * ((-b / k).log() - k - 1)
    b = (profile.softmax(0) * b).sum(0)
    return (-b * excess).log1p().mean(0)
