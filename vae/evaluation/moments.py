"""The aggregate posterior against the prior by draws of both, whatever their kind."""

__all__ = ["moment_kl", "prior_draws", "prior_moments"]

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, kl_divergence

BLOCK = 100  # draws at once: a mixture draws from each of its components every time


@torch.no_grad()
def prior_draws(p: Distribution, num_draws: int) -> Tensor:
    """Return ``(num_draws, *event)`` of a prior of batch shape ``()``."""
    starts = range(0, num_draws, BLOCK)
    return torch.cat([p.sample(torch.Size([min(BLOCK, num_draws - start)])) for start in starts])


def prior_moments(p: Distribution, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean ``(D,)`` and covariance ``(D, D)`` of a prior over vectors, in double precision.

    They are exact where it factorises, and else those of its draws ``(N, D)``.
    """
    if isinstance(p, Independent):
        return p.mean.double(), p.variance.double().diag()
    return draws.double().mean(0), covariance(draws)


def covariance(z: Tensor) -> Tensor:
    """Return the covariance ``(D, D)`` of draws ``(N, D)`` in double precision."""
    centred = z.double() - z.double().mean(0)
    return centred.T @ centred / (len(z) - 1)


def moment_kl(z: Tensor, mean: Tensor, cov: Tensor) -> float | None:
    r"""Return KL in nats between the Gaussians that have the moments of q and of p.

    Where p is Gaussian this is at most :math:`\mathrm{KL}(q‖p)`, since of all densities with the
    same moments the Gaussian has the largest entropy; it needs no density of q, and unlike an
    estimate with one, draws of finite number do not make it too large: the log-determinant of
    their covariance is corrected by its bias under a Gaussian q.

    Args:
        z: Draws from q, ``(N, D)``.
        mean: Of p, ``(D,)``.
        cov: Covariance of p, ``(D, D)``.

    Returns:
        Nats; ``None`` if there are not more draws than dimensions or a covariance is singular.

    References:
        Elements of Information Theory (Cover, Thomas, 2006), theorem 8.6.5.
    """
    dof, dim = len(z) - 1, z.shape[1]
    if dof < dim:
        return None
    factors = [factor(c) for c in (covariance(z), cov)]
    if any(triangle is None for triangle in factors):
        return None
    q, p = (
        MultivariateNormal(loc, scale_tril=triangle)
        for loc, triangle in zip((z.double().mean(0), mean), factors, strict=True)
    )
    halves = (dof - torch.arange(dim, dtype=torch.float64)) / 2
    bias = (halves.digamma() - torch.tensor(dof / 2).double().log()).sum().item()
    return max(0.0, kl_divergence(q, p).item() + bias / 2)


def factor(cov: Tensor) -> Tensor | None:
    """Return the Cholesky factor of a covariance, ``None`` if it is singular up to rounding."""
    triangle, info = torch.linalg.cholesky_ex(cov)
    left = triangle.diagonal().square() / cov.diagonal()  # of a variance, given those before
    singular = int(info) or bool((left < 10 * len(cov) * torch.finfo(cov.dtype).eps).any())
    return None if singular else triangle
