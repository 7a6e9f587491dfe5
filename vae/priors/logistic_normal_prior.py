"""The logistic-normal prior over shares of a whole."""

__all__ = ["LogisticNormalPrior"]

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions import LogisticNormal
from vae.priors.gamma_prior import check_above_zero
from vae.priors.prior import Prior


class LogisticNormalPrior(Prior):
    r"""D shares with sum one, :math:`z = \mathrm{softmax}(σ ε, 0)`.

    Args:
        latent_shape: ``(D,)``.
        scale: σ of the log-ratios to the last share, above 0.

    Raises:
        ValueError: If it is not.

    References:
        Autoencoding Variational Inference for Topic Models (Srivastava, Sutton, 2017), 1703.01488.
    """

    support = constraints.simplex
    zeros: Tensor

    def __init__(self, latent_shape: Sequence[int], *, scale: float = 1.0) -> None:
        super().__init__()
        check_above_zero(scale=scale)
        self.event_shape = tuple(latent_shape)
        self.log_scale = log(scale)
        *lead, dim = latent_shape
        self.register_buffer("zeros", torch.zeros(*lead, dim - 1), persistent=False)

    def forward(self) -> Distribution:
        """Return the distribution of event shape ``(D,)``."""
        return LogisticNormal(self.zeros, self.zeros + self.log_scale)
