"""What importance weights say: log p(x), and how far to trust it."""

__all__ = ["effective_sample_size", "log_mean_weights", "pareto_k"]

from math import ceil, log

import torch
from torch import Tensor

FEWEST = 25  # samples of which a tail can be fitted: five of them
FEWEST_ABOVE = 5  # weights of a tail
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
    those of the min(K/5, 3√K) largest weights, rounded up, that exceed the next.

    Args:
        log_w: Log-weights, ``(K, B)``.

    Returns:
        k̂, drawn towards ½ as if by ten more weights; −∞, the best case, where no weight exceeds
        the tail's threshold beyond rounding, or fewer than five do and none is twice as large; NaN
        of fewer than 25 samples.

    References:
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2015),
        1507.02646.
    """
    num_samples = len(log_w)
    if num_samples < FEWEST:
        return log_w.new_full(log_w.shape[1:], torch.nan, dtype=torch.float64)
    most = ceil(min(num_samples / 5, 3 * num_samples**0.5))
    largest = log_w.topk(most + 1, dim=0).values.double()
    above = largest[:-1] - largest[-1]
    rounding = torch.finfo(log_w.dtype).eps * log_w.abs().amax(0).double().clamp_min(1)
    count = (above > rounding).sum(0)
    even = (above[0] <= 64 * rounding) | (count < FEWEST_ABOVE) & (above[0] <= log(2))
    size = torch.where(count < FEWEST_ABOVE, most, count)
    tail = (largest - largest[0]).exp()
    excess = (tail[:-1] - tail[-1]).where(above > rounding, 0).flip(0)
    k = (size * fit_pareto(excess, size) + 10 * 0.5) / (size + 10)
    return torch.where(even, -torch.inf, k)


def fit_pareto(excess: Tensor, size: Tensor) -> Tensor:
    r"""Fit the shape k of :math:`p(y) ∝ (1 + k y / σ)^{-1/k - 1}`, ``(B,)``.

    The posterior mean of b = −k/σ on a grid, with the likelihood's maximum over σ at each; then
    k is the mean of log(1 − b y).

    Args:
        excess: Draws y ≥ 0 in ascending order, ``(M, B)``.
        size: How many of them count, the last, from 5 to M, ``(B,)``; the others are zero.

    References:
        A New and Efficient Estimation Method for the Generalized Pareto Distribution (Zhang,
        Stephens, 2009), whose k has the other sign.
    """
    count = 30 + size.double().sqrt().floor()
    j = torch.arange(1, int(count.max()) + 1, dtype=excess.dtype, device=excess.device)[:, None]
    quarter = len(excess) - size + (size / 4 + 0.5).long() - 1
    # Where one weight outweighs all others, the rest is zero in floating point.
    quartile = excess.gather(0, quarter[None]).clamp_min(1e-200)
    b = (1 - (count / (j - 0.5)).sqrt()) / (3 * quartile) + 1 / excess[-1]  # (grid, B)
    k = torch.stack([(-row * excess).log1p().sum(0) for row in b]) / size
    profile = (size * ((-b / k).log() - k - 1)).where(j <= count, -torch.inf)
    b = (profile.softmax(0) * b).sum(0)
    return (-b * excess).log1p().sum(0) / size
