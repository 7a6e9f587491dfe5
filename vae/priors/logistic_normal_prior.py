"""The logistic-normal prior over shares of a whole."""

__all__ = ["LogisticNormalPrior"]

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions import LogisticNormal
from vae.distributions.log_scale_normal import soft_bound
from vae.distributions.logistic_normal import LOC_BOUNDS
from vae.networks.conditioned import FieldFeatures
from vae.priors.gamma_prior import check_above_zero
from vae.priors.parametric_prior import ParametricPrior


class LogisticNormalPrior(ParametricPrior):
    r"""D shares with sum one, :math:`z = \mathrm{softmax}(σ ε, 0)`.

    If it is conditional, :math:`z = \mathrm{softmax}(μ(y) + σ(y) ε, 0)`, with σ(y)
    within a factor of e³ of σ.

    Args:
        latent_shape: ``(D,)``.
        scale: σ of the log-ratios to the last share, above 0.
        conditional: Whether it is p(z|y), with μ and σ of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is not, or there is no condition to be conditional on.

    References:
        Autoencoding Variational Inference for Topic Models (Srivastava, Sutton, 2017), 1703.01488.
    """

    support = constraints.simplex

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        scale: float = 1.0,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_above_zero(scale=scale)
        *lead, dim = latent_shape
        zeros = torch.zeros(*lead, dim - 1)
        super().__init__(
            latent_shape,
            {"loc": zeros, "log_factor": zeros.clone()},
            conditional=conditional,
            field_features=field_features,
        )
        self.log_scale = log(scale)

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of raw μ and raw log of σ's factor, ``(*batch, D - 1)``."""
        loc, log_factor = numbers
        log_scale = soft_bound(log_factor, -3.0, 3.0) + self.log_scale
        return LogisticNormal(soft_bound(loc, *LOC_BOUNDS), log_scale)
