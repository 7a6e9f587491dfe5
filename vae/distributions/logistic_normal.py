"""Shares of a whole as the softmax of a normal distribution, and as a posterior."""

__all__ = ["LogisticNormal", "LogisticNormalPosterior"]

from math import log
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints, register_kl
from torch.nn.functional import pad
from torch.types import _size

from vae.distributions.dirichlet_posterior import check_simplex
from vae.distributions.head import Head
from vae.distributions.joint import Joint, kl_divergence
from vae.distributions.log_scale_normal import LogScaleNormal, soft_bound

# So that no share is smaller than the least number of single precision, whose logarithm is −87.
LOC_BOUNDS = (-15.0, 15.0)
LOG_SCALE_BOUNDS = (-7.0, log(5.0))


class LogisticNormal(Distribution):
    r"""The softmax of D − 1 normal variables and one that is 0, a density of D shares.

    With :math:`y_i = \log z_i - \log z_D`, :math:`p(z) = N(y; μ, \mathrm{diag}\,σ²) \prod_i 1/z_i`:
    a density over the first D − 1 shares, as torch's of the Dirichlet distribution is.

    Args:
        loc: μ, ``(*batch, D - 1)``.
        log_scale: log σ, of the same shape.
        validate_args: For torch's interface; nothing is checked.

    References:
        Logistic-Normal Distributions: Some Properties and Uses (Atchison, Shen, 1980).
        Autoencoding Variational Inference for Topic Models (Srivastava, Sutton, 2017), 1703.01488.

    Example:
        >>> q = LogisticNormal(torch.zeros(4, 2), torch.zeros(4, 2))
        >>> q.rsample((5,)).shape, q.log_prob(torch.full((3,), 1 / 3)).shape
        (torch.Size([5, 4, 3]), torch.Size([4]))
    """

    has_rsample = True
    arg_constraints = {  # noqa: RUF012  (torch's own interface)
        "loc": constraints.real_vector,
        "log_scale": constraints.real_vector,
    }
    support = constraints.simplex

    def __init__(self, loc: Tensor, log_scale: Tensor, validate_args: bool | None = None) -> None:
        self.loc, self.log_scale = loc, log_scale
        self.normal = Joint(LogScaleNormal(loc, log_scale), 1)
        event = Size([loc.shape[-1] + 1])
        super().__init__(loc.shape[:-1], event, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogisticNormal":
        """Return the same distribution with another, broadcast batch shape."""
        loc, log_scale = (t.expand(*batch_shape, -1) for t in (self.loc, self.log_scale))
        return LogisticNormal(loc, log_scale)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``."""
        return shares(self.normal.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of shares ``(*, *batch, D)``, shape ``(*, *batch)``."""
        log_z = value.clamp_min(torch.finfo(value.dtype).tiny).log()
        ratios = log_z[..., :-1] - log_z[..., -1:]
        log_prob: Tensor = self.normal.log_prob(ratios) - log_z.sum(-1)
        return log_prob


@register_kl(LogisticNormal, LogisticNormal)
def _kl_of_two(q: LogisticNormal, p: LogisticNormal) -> Tensor:
    return kl_divergence(q.normal, p.normal)


def shares(ratios: Tensor) -> Tensor:
    """Return shares ``(*, D)`` with sum one of their log-ratios to the last, ``(*, D - 1)``."""
    return pad(ratios, (0, 1)).softmax(-1)


class LogisticNormalPosterior(Head):
    r"""D shares with sum one, :math:`z = \mathrm{softmax}(μ(x) + σ(x) ε, 0)`.

    The net gives D − 1 times μ, softly bounded to [−15, 15], and log σ, to [−7, log 5]. The KL to
    a Dirichlet prior has no closed form and comes from draws.

    Args:
        latent_dim: Number of shares D, at least 2.

    Raises:
        ValueError: If there are fewer.

    References:
        Autoencoding Variational Inference for Topic Models (Srivastava, Sutton, 2017), 1703.01488.
    """

    support = constraints.simplex

    def __init__(self, latent_dim: int) -> None:
        check_simplex(latent_dim)
        super().__init__((latent_dim,), (2 * (latent_dim - 1),))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2 (D - 1))`` to a distribution over shares ``(D,)``."""
        loc, log_scale = params.chunk(2, -1)
        return LogisticNormal(
            soft_bound(loc, *LOC_BOUNDS), soft_bound(log_scale, *LOG_SCALE_BOUNDS)
        )
