"""The aggregate posterior against the prior by draws of both, whatever their kind."""

__all__ = ["as_many", "divergence_bound", "prior_draws", "prior_moments"]

from collections.abc import Sequence
from math import e, log, pi, prod

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.evaluation.section import standard_error
from vae.models.rows import BYTES

LARGEST = 4096  # dimensions of which a covariance is made: 128 MiB
BLOCK = 100  # draws at once: a mixture draws from each of its components every time


def as_many(event: Sequence[int], most: int) -> int:
    """Return how many draws of a shape are made, of very many coordinates fewer than ``most``.

    They are held four times while they are sorted or taken in double precision.
    """
    return max(1, min(most, BYTES // (16 * max(1, prod(event)))))


@torch.no_grad()
def prior_draws(p: Distribution | Tensor, num_draws: int) -> Tensor:
    """Return ``(num_draws, *event)`` of a prior of batch shape ``()``; draws as they are.

    Of very many coordinates there are fewer, see `as_many`.
    """
    if isinstance(p, Tensor):
        return p
    num_draws = as_many(p.event_shape, num_draws)
    starts = range(0, num_draws, BLOCK)
    return torch.cat([p.sample(torch.Size([min(BLOCK, num_draws - start)])) for start in starts])


def prior_moments(p: Distribution | Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation, ``(D,)`` each, of a real prior, in double precision.

    They are exact where it factorises and knows them, and else those of its draws ``(N, *event)``.
    """
    if isinstance(p, Independent):
        try:
            return p.mean.double().flatten(), p.variance.double().sqrt().flatten()
        except NotImplementedError:  # of a distribution that torch's user has put together
            pass
    draws = draws.flatten(1)
    return draws.double().mean(0), draws.double().std(0)


def covariance(z: Tensor) -> Tensor:
    """Return the covariance ``(D, D)`` of draws ``(N, D)`` in double precision."""
    centred = z.double() - z.double().mean(0)
    return centred.T @ centred / (len(z) - 1)


def divergence_bound(z: Tensor, log_p: Tensor) -> tuple[float, float] | None:
    r"""Return a lower bound of KL(q ‖ p) and its standard error, in nats.

    .. math:: \mathrm{KL}(q‖p) \ge -E_q[\log p(z)] - \tfrac12 \log|2πe\,Σ_q|

    since of all densities with the covariance :math:`Σ_q` the Gaussian has the largest entropy. It
    holds for any p; where p is Gaussian it is the divergence of the Gaussians that have the moments
    of q and of p, and where q is Gaussian it is exact. It needs no density of q, and unlike an
    estimate with one, draws of finite number do not make it too large: the log-determinant of their
    covariance is corrected by its bias under a Gaussian q.

    Args:
        z: Draws from q, ``(N, D)``.
        log_p: Their log p(z), ``(N,)``.

    Returns:
        ``None`` if there are not more draws than dimensions, more dimensions than 4,096, their
        covariance is singular or a log-density is not finite.

    References:
        Elements of Information Theory (Cover, Thomas, 2006), theorem 8.6.5.
    """
    dof, dim = len(z) - 1, z.shape[1]
    triangle = factor(covariance(z)) if dim <= min(dof, LARGEST) else None
    if triangle is None or not log_p.isfinite().all():
        return None
    halves = (dof - torch.arange(dim, dtype=torch.float64)) / 2
    bias = (halves.digamma() - torch.tensor(dof / 2).double().log()).sum().item()
    entropy = triangle.diagonal().log().sum().item() + dim / 2 * log(2 * pi * e) - bias / 2
    # What each draw adds to the covariance, and so to its log-determinant.
    centred = z.double() - z.double().mean(0)
    distances = torch.linalg.solve_triangular(triangle, centred.T, upper=False).square().sum(0)
    cost = -log_p.double()
    return cost.mean().item() - entropy, standard_error(cost - distances / 2)


def factor(cov: Tensor) -> Tensor | None:
    """Return the Cholesky factor of a covariance, ``None`` if it is singular up to rounding."""
    triangle, info = torch.linalg.cholesky_ex(cov)
    left = triangle.diagonal().square() / cov.diagonal()  # of a variance, given those before
    singular = int(info) or bool((left < 10 * len(cov) * torch.finfo(cov.dtype).eps).any())
    return None if singular else triangle
