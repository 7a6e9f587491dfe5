"""The von Mises–Fisher prior of a learned direction and concentration."""

__all__ = ["VonMisesFisherPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import VonMisesFisher
from vae.distributions.log_scale_normal import inverse_soft_bound
from vae.distributions.spherical import LOG_CONCENTRATION_BOUNDS, concentrated, direction
from vae.networks.conditioned import FieldFeatures
from vae.priors.parametric_prior import ParametricPrior
from vae.supports import unit_sphere


class VonMisesFisherPrior(ParametricPrior):
    r"""Unit vectors about a learned direction, :math:`p(z) ∝ \exp(κ\, μ^\top z)`.

    μ starts anywhere, κ at 1; log κ is softly bounded to κ in [0.01, 10⁴].

    Args:
        latent_shape: ``(D,)``, with D at least 2.
        conditional: Whether it is p(z|y), with μ and κ of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is to be conditional in a model without a condition.

    References:
        Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), 1804.00891.
    """

    support = unit_sphere

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        start = inverse_soft_bound(0.0, *LOG_CONCENTRATION_BOUNDS)
        starts = {
            "axis": nn.Parameter(torch.randn(*latent_shape)),
            "raw_concentration": nn.Parameter(torch.tensor(start)),
        }
        super().__init__(
            latent_shape,
            starts,
            conditional=conditional,
            field_features=field_features,
        )

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of vectors along μ, ``(*batch, D)``, and raw κ, ``(*batch)``."""
        axis, raw_concentration = numbers
        return VonMisesFisher(direction(axis), concentrated(raw_concentration))
