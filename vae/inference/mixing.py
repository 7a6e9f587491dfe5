"""How far the draws of several chains stand for their distribution: R̂ and effective sample size."""

__all__ = ["bulk_ess", "split_rhat"]

from math import log10

import torch
from torch import Tensor

FEWEST = 4  # draws a chain: two in each half


def split_rhat(draws: Tensor) -> Tensor:
    r"""Return the rank-normalised split R̂ of chains ``(C, S, *event)``, ``(*event,)``.

    The larger of that of the ranks and that of the ranks of the distances to the median, which
    sees chains of one mean and several spreads. 1 is the best; above 1.01 the chains disagree.

    Returns:
        Double precision; NaN of a value that never moves or is not finite.

    Raises:
        ValueError: Of fewer than four draws a chain.

    References:
        Rank-normalization, folding, and localization: an improved R̂ for assessing convergence of
        MCMC (Vehtari, Gelman, Simpson, Carpenter, Bürkner, 2021), 1903.08008.
    """
    halves = split(draws)
    middle = halves.flatten(0, 1).quantile(0.5, 0)
    return torch.maximum(
        potential_reduction(normal_scores(halves)),
        potential_reduction(normal_scores((halves - middle).abs())),
    )


def bulk_ess(draws: Tensor) -> Tensor:
    r"""Return how many independent draws the chains ``(C, S, *event)`` are worth, ``(*event,)``.

    The effective sample size of the split chains' normal scores, C S / τ, where τ sums the
    autocorrelations up to the first pair that is negative, made to fall (Geyer's sequence).

    Returns:
        Double precision, at most C S log10(C S); NaN of a value that never moves or is not finite.

    Raises:
        ValueError: Of fewer than four draws a chain.

    References:
        Practical Markov Chain Monte Carlo (Geyer, 1992).
        Rank-normalization, folding, and localization: an improved R̂ for assessing convergence of
        MCMC (Vehtari, Gelman, Simpson, Carpenter, Bürkner, 2021), 1903.08008.
    """
    scores = normal_scores(split(draws))
    total = scores.shape[0] * scores.shape[1]
    return total / autocorrelation_time(autocorrelations(scores)).clamp_min(1 / log10(total))


def split(draws: Tensor) -> Tensor:
    """Return the halves of chains ``(C, S, *event)`` as chains ``(2 C, S // 2, *event)``."""
    if draws.shape[1] < FEWEST:
        raise ValueError(
            f"chains are judged from {FEWEST} draws each on; got {draws.shape[1]}: keep more"
        )
    half = draws.shape[1] // 2
    return torch.cat([draws[:, :half], draws[:, -half:]]).double()


def normal_scores(draws: Tensor) -> Tensor:
    r"""Return :math:`\Phi^{-1}((r - 3/8) / (S + 1/4))` of the ranks r among all draws.

    Equal draws share their mean rank; of a coordinate that is not finite all scores are NaN.
    """
    flat = draws.flatten(0, 1)
    columns = flat.reshape(len(flat), -1).T.contiguous()
    ordered = columns.sort(1).values
    below = torch.searchsorted(ordered, columns)
    ranks = (below + torch.searchsorted(ordered, columns, right=True) + 1) / 2
    scores = torch.special.ndtri((ranks.double() - 0.375) / (len(flat) + 0.25))
    scores = scores.where(columns.isfinite().all(1, keepdim=True), torch.nan)
    return scores.T.reshape(draws.shape)


def potential_reduction(chains: Tensor) -> Tensor:
    r"""Return :math:`\sqrt{(B / W + S - 1) / S}` of the variances between and within chains."""
    count = chains.shape[1]
    between, within = count * chains.mean(1).var(0), chains.var(1).mean(0)
    return ((between / within + count - 1) / count).sqrt()


def autocorrelations(chains: Tensor) -> Tensor:
    """Return the correlations of all chains at lags 0…S−1, ``(S, *event)``."""
    count = chains.shape[1]
    centred = chains - chains.mean(1, keepdim=True)
    power = torch.fft.rfft(centred, n=2 * count, dim=1).abs().square()
    covariance = torch.fft.irfft(power, n=2 * count, dim=1)[:, :count].mean(0) / count
    within = covariance[0] * count / (count - 1)
    total = covariance[0] + chains.mean(1).var(0)
    found = 1 - (within - covariance) / total
    found[0] = found[0] * 0 + 1  # NaN where nothing moves
    return found


def autocorrelation_time(rho: Tensor) -> Tensor:
    r"""Return :math:`1 + 2 \sum_t \rho_t` of correlations ``(S, *event)``, by Geyer's sequence."""
    pairs = rho[: len(rho) // 2 * 2].unflatten(0, (-1, 2))
    sums = pairs.sum(1)
    kept = (sums > 0).cumprod(0).bool()
    falling = torch.where(kept, sums, torch.inf).cummin(0).values.where(kept, 0)
    first_left_out = (kept.cumsum(0) == kept.sum(0)).logical_and(~kept).cumsum(0) == 1
    rest = torch.where(first_left_out, pairs[:, 0].clamp_min(0), 0).sum(0)
    time = -1 + 2 * falling.sum(0) + rest
    return time.where(rho[0].isfinite(), torch.nan)
