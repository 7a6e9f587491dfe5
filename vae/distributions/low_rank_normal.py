"""The normal distribution of a diagonal and a few directions, exact in single precision."""

__all__ = ["LowRankNormal", "LowRankNormalPosterior"]

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints, register_kl
from torch.types import _size

from vae.checks import check_int
from vae.distributions.full_normal import diagonal_of
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound

FACTOR_BOUND = 30.0
_LOG_2PI = math.log(2 * math.pi)


class LowRankNormal(Distribution):
    r"""The normal distribution of covariance :math:`\mathrm{diag}(σ)(I + U U^T)\mathrm{diag}(σ)`.

    With y = (z − μ)/σ, :math:`y^T (I + U U^T)^{-1} y = \min_a |y - U a|^2 + |a|^2`. This sum of
    squares replaces the difference of squares of torch's `LowRankMultivariateNormal`, which in
    single precision is noise where U is large.

    Args:
        loc: μ, ``(*batch, D)``.
        factor: U, ``(*batch, D, R)``.
        log_scale: log σ, ``(*batch, D)``.

    Example:
        >>> q = LowRankNormal(torch.zeros(2), torch.tensor([[1000.0], [1000.0]]), torch.zeros(2))
        >>> q.log_prob(torch.zeros(2))
        tensor(-9.0922)
    """

    has_rsample = True
    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, loc: Tensor, factor: Tensor, log_scale: Tensor) -> None:
        self.loc, self.factor, self.log_scale = loc, factor, log_scale
        eye = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
        self.cholesky = torch.linalg.cholesky(factor.mT @ factor + eye)
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LowRankNormal":
        """Return the same distribution with another, broadcast batch shape."""
        wide = (*batch_shape, *self.event_shape)
        factor = self.factor.expand(*wide, self.factor.shape[-1])
        return LowRankNormal(self.loc.expand(wide), factor, self.log_scale.expand(wide))

    def detach(self) -> "LowRankNormal":
        """Return the same of parameters without gradients."""
        return LowRankNormal(self.loc.detach(), self.factor.detach(), self.log_scale.detach())

    @property
    def mean(self) -> Tensor:
        """μ, ``(*batch, D)``."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance, ``(*batch, D)``."""
        return (2 * self.log_scale).exp() * (1 + self.factor.square().sum(-1))

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance, ``(*batch, D, D)``."""
        root = self.log_scale.exp().unsqueeze(-1) * self.factor
        return root @ root.mT + (2 * self.log_scale).exp().diag_embed()

    @property
    def log_volume(self) -> Tensor:
        """Half the logarithm of the covariance's determinant, ``(*batch,)``."""
        return self.log_scale.sum(-1) + self.cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``μ + σ (ε + U η)``, ``(*sample_shape, *batch, D)``."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = self.loc.new_empty(shape).normal_()
        few = self.loc.new_empty((*shape[:-1], self.factor.shape[-1])).normal_()
        noise = noise + (self.factor @ few.unsqueeze(-1)).squeeze(-1)
        return torch.addcmul(self.loc, noise, self.log_scale.exp())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of ``(*lead, *batch, D)``, ``(*lead, *batch)``."""
        y = ((value - self.loc) * (-self.log_scale).exp()).unsqueeze(-1)
        a = torch.cholesky_solve(self.factor.mT @ y, self.cholesky)
        squares = (y - self.factor @ a).square().sum((-2, -1)) + a.square().sum((-2, -1))
        return -0.5 * (squares + y.shape[-2] * _LOG_2PI) - self.log_volume

    def entropy(self) -> Tensor:
        """Return the entropy, ``(*batch,)``."""
        return 0.5 * self.loc.shape[-1] * (1 + _LOG_2PI) + self.log_volume


@register_kl(LowRankNormal, Independent)
def _kl_low_rank_diagonal(q: LowRankNormal, p: Independent) -> Tensor:
    loc, log_scale = diagonal_of(p)
    z = (q.loc - loc) * (-log_scale).exp()
    squares = q.variance * (-2 * log_scale).exp() + z.square()
    return 0.5 * (squares - 1).sum(-1) - q.log_volume + log_scale.sum(-1)


class LowRankNormalPosterior(Head):
    r"""The Gaussian of covariance :math:`\mathrm{diag}(σ)(I + U U^T)\mathrm{diag}(σ)`, all of x.

    The net gives μ, log σ and U, D(2 + R) numbers; log σ is softly bounded to [−7, 5], U to
    [−30, 30].

    Args:
        latent_dim: Number of latent variables D, at least 1.
        rank: Number of columns R of U, at least 1.

    Raises:
        ValueError: If a number is out of range.

    References:
        Gaussian Variational Approximation with a Factor Covariance Structure (Ong, Nott, Smith,
        2017), 1701.03208.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, rank: int = 2) -> None:
        check_latent_dim(latent_dim)
        check_int("rank", rank)
        super().__init__((latent_dim,), ((2 + rank) * latent_dim,))
        self.rank = rank

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D(2 + R))`` to a distribution over ``(D,)``."""
        dim = self.event_shape[0]
        loc, log_scale, factor = params.split([dim, dim, dim * self.rank], -1)
        factor = soft_bound(factor.unflatten(-1, (dim, self.rank)), -FACTOR_BOUND, FACTOR_BOUND)
        return LowRankNormal(loc, factor, soft_bound(log_scale, *LOG_SCALE_BOUNDS))
