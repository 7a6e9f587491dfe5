"""The posterior that is normal with any covariance, and its divergence from independent normals."""

__all__ = ["FullNormal", "FullNormalPosterior"]

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    constraints,
    register_kl,
)

from vae.distributions.head import Head, check_latent_dim
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, LogScaleNormal, soft_bound

# Of A below: two latents of correlation 0.9994. The inverse of an unbounded one overflows.
MIXING_BOUND = 30.0


class FullNormalPosterior(Head):
    r"""The Gaussian of any covariance, :math:`q(z|x) = N(z; μ(x), L(x) L(x)^T)`.

    :math:`L = \mathrm{diag}(σ)(I + A)`, A strictly lower triangular. The net gives μ, log σ and
    the entries of A row by row, 2D + D(D − 1)/2 numbers; log σ is softly bounded to [−7, 5], A to
    [−30, 30]. With A = 0 it is the diagonal Gaussian.

    Args:
        latent_dim: Number of latent variables D, at least 1.

    Raises:
        ValueError: If the number is out of range.

    References:
        An Introduction to Variational Autoencoders (Kingma, Welling, 2019), 1906.02691, section
        2.5.1.

    Example:
        >>> FullNormalPosterior(3)(torch.zeros(5, 9)).covariance_matrix.shape
        torch.Size([5, 3, 3])
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int) -> None:
        check_latent_dim(latent_dim)
        num_mixing = latent_dim * (latent_dim - 1) // 2
        super().__init__((latent_dim,), (2 * latent_dim + num_mixing,))
        self.num_mixing = num_mixing

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D + D(D − 1)/2)`` to a distribution over ``(D,)``."""
        dim = self.event_shape[0]
        loc, raw, mixing = params.split([dim, dim, self.num_mixing], -1)
        scale = soft_bound(raw, *LOG_SCALE_BOUNDS).exp()
        rows, columns = torch.tril_indices(dim, dim, -1, device=params.device)
        lower = params.new_zeros((*params.shape[:-1], dim, dim))
        lower[..., rows, columns] = soft_bound(mixing, -MIXING_BOUND, MIXING_BOUND)
        tril = scale.unsqueeze(-1) * lower + scale.diag_embed()
        return FullNormal(loc, scale_tril=tril, validate_args=False)


class FullNormal(MultivariateNormal):
    """torch's own, of which the divergence from independent normals is known.

    It is not registered for torch's, of which others may rely on the draws' own.
    """


@register_kl(FullNormal, Independent)
def _kl_full_diagonal(q: FullNormal, p: Independent) -> Tensor:
    loc, log_scale = diagonal_of(p)
    tril = q.scale_tril * (-log_scale).exp().unsqueeze(-1)
    z = (q.loc - loc) * (-log_scale).exp()
    log_ratio = tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    squares = tril.square().sum((-2, -1)) + z.square().sum(-1)
    return 0.5 * (squares - loc.shape[-1]) - log_ratio


def diagonal_of(p: Independent) -> tuple[Tensor, Tensor]:
    """Return μ and log σ of independent normals over a vector, ``(*batch, D)`` each.

    Raises:
        NotImplementedError: If they are others.
    """
    base = p.base_dist
    if not isinstance(base, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    log_scale = base.log_scale if isinstance(base, LogScaleNormal) else base.scale.log()
    return base.loc, log_scale.expand(base.loc.shape)
