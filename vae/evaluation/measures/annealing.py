"""Annealed importance sampling: the normalising constant of every density on a path."""

__all__ = ["SCHEDULES", "Stage", "anneal", "geometric", "log_mean", "sigmoidal"]

from collections.abc import Callable, Iterator
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from vae.evaluation.measures.hamiltonian import Path, transition

ACCEPTANCE = 0.65  # what the step size aims at: the optimum of HMC in many dimensions
RATE = 0.4  # by how much log step follows the excess of the acceptance
FIRST_STEP = 0.5  # in standard deviations


def sigmoidal(num_temperatures: int, *, strength: float = 4.0) -> Tensor:
    """Return β from 0 to 1, dense at both ends, ``(num_temperatures + 1,)``.

    Args:
        num_temperatures: How many steps, at least 1.
        strength: The sigmoid is taken from −strength to strength, above 0.

    References:
        On the Quantitative Analysis of Decoder-Based Generative Models (Wu, Burda, Salakhutdinov,
        Grosse, 2017), 1611.04273.

    Example:
        >>> sigmoidal(4)
        tensor([0.0000, 0.1050, 0.5000, 0.8950, 1.0000], dtype=torch.float64)
    """
    s = torch.linspace(-strength, strength, num_temperatures + 1, dtype=torch.float64).sigmoid()
    return (s - s[0]) / (s[-1] - s[0])


def geometric(num_temperatures: int, *, first: float = 1e-4) -> Tensor:
    """Return 0 and then β from ``first`` to 1 with a constant ratio, ``(num_temperatures + 1,)``.

    Args:
        num_temperatures: How many steps, at least 1.
        first: The first β above 0, below 1.

    Example:
        >>> geometric(3, first=0.01)
        tensor([0.0000, 0.0100, 0.1000, 1.0000], dtype=torch.float64)
    """
    exponents = torch.linspace(log(first), 0.0, num_temperatures, dtype=torch.float64)
    return torch.cat([torch.zeros(1, dtype=torch.float64), exponents.exp()])


SCHEDULES: dict[str, Callable[[int], Tensor]] = {"sigmoidal": sigmoidal, "geometric": geometric}


class Stage(NamedTuple):
    """The chains after one temperature.

    Attributes:
        beta: β.
        log_w: Logarithms of the weights, ``(C, B)``: their mean estimates the normalising constant
            of f_β without bias, and under them the chains stand for f_β.
        log_ratio: Where the chains are, ``(C, B)``.
        acceptance: Mean over chains, ``(B,)``.
    """

    beta: float
    log_w: Tensor
    log_ratio: Tensor
    acceptance: Tensor


@torch.no_grad()
def anneal(
    path: Path,
    z: Tensor,
    betas: Tensor,
    *,
    scale: Callable[[float], Tensor] | None = None,
    num_steps: int = 3,
    num_pilots: int = 2,
) -> Iterator[Stage]:
    r"""Carry chains along a path of densities and weigh them.

    At each β the weight grows by :math:`(β_t - β_{t-1}) \log\mathrm{ratio}(z)` before the chain
    moves by Hamiltonian Monte Carlo. The first chains are pilots: only their acceptance sets the
    step size, separately for each of the B targets, and they are then left out. What remains moves
    with step sizes that do not depend on it, so that the weights stay exactly unbiased.

    Args:
        path: The path.
        z: Independent draws from its start, ``(num_pilots + C, B, *event)``.
        betas: From 0 upwards, ``(T + 1,)``.
        scale: β to the scale of each coordinate of z, broadcastable to z; by default 1.
        num_steps: Leapfrog steps per temperature, at least 1.
        num_pilots: How many pilots, at least 1.

    Yields:
        T stages.

    References:
        Annealed Importance Sampling (Neal, 2001), physics/9803008.
    """
    point = path(z)
    log_w = torch.zeros_like(point.log_ratio, dtype=torch.float64)
    ones = (1,) * (z.dim() - 2)
    log_step = torch.full((z.shape[1], *ones), log(FIRST_STEP), dtype=z.dtype, device=z.device)
    for before, beta in zip(betas[:-1].tolist(), betas[1:].tolist(), strict=True):
        log_w = log_w + (beta - before) * point.log_ratio
        step = log_step.exp() if scale is None else log_step.exp() * scale(beta)
        point, acceptance = transition(path, point, beta, step, num_steps)
        excess = acceptance[:num_pilots].mean(0) - ACCEPTANCE
        log_step = log_step + RATE * excess.view_as(log_step).to(log_step)
        kept = (values[num_pilots:] for values in (log_w, point.log_ratio, acceptance))
        log_w_kept, log_ratio, accepted = kept
        yield Stage(beta, log_w_kept, log_ratio, accepted.mean(0))


def log_mean(log_w: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the logarithm of the mean of weights, and its standard error by the jackknife.

    In expectation it lies below the logarithm of the expected weight, by half the squared error
    where that is small. Where one weight outgrows the rest, the error is about the distance to
    the second and not, as by the delta method, at most one.

    Args:
        log_w: ``(C, B)``, C ≥ 2.

    Returns:
        :math:`\log \frac1C \sum_c w_c` and its standard error, ``(B,)`` each, double precision.

    Example:
        >>> log_mean(torch.tensor([[0.0], [0.0]]))[1]
        tensor([0.], dtype=torch.float64)
    """
    log_w = log_w.double()
    count, total = len(log_w), log_w.logsumexp(0)
    share = (log_w - total).exp().clamp(max=1 - 1e-15)
    without = torch.log1p(-share)  # log of the sum of the others, above `total`
    squares = (without - without.mean(0)).square().sum(0)
    return total - log(count), ((count - 1) / count * squares).sqrt()
