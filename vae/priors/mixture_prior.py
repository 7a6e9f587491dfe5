"""The prior that is a learned mixture of normals."""

__all__ = ["MixturePrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae.checks import check_int
from vae.distributions import ImplicitMixture
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound, started_at
from vae.from_data import StartsFromCodes
from vae.networks.conditioned import FieldFeatures
from vae.priors.clusters import find_clusters
from vae.priors.learned_normal import location_and_scale
from vae.priors.parametric_prior import ParametricPrior


class MixturePrior(ParametricPrior, StartsFromCodes):
    r"""The mixture of diagonal Gaussians :math:`p(z) = \sum_m w_m N(z; μ_m, \mathrm{diag}\,σ_m²)`.

    All of it is learned; the μ start at draws from N(0, I), the w equal, the σ at 1; log σ is
    softly bounded to [−7, 5]. It is the "MoG" that the VampPrior was compared with.

    Args:
        latent_shape: Shape of one latent, ``(D,)``.
        num_components: Number of components M, at least 1.
        conditional: Whether it is p(z|y), with w, μ and σ of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If the number is out of range, or there is no condition to be conditional on.

    References:
        Approximate Inference for Deep Latent Gaussian Mixtures (Nalisnick, Hertel, Smyth, 2016).
        VAE with a VampPrior (Tomczak, Welling, 2018), 1705.07120.
    """

    support = constraints.real_vector
    logits: Tensor
    loc: Tensor
    raw_scale: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        num_components: int = 10,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_int("num_components", num_components)
        shape = (num_components, *latent_shape)
        starts = {
            "logits": nn.Parameter(torch.zeros(num_components)),
            **location_and_scale(shape),
            "loc": nn.Parameter(torch.randn(*shape)),
        }
        super().__init__(
            latent_shape,
            starts,
            conditional=conditional,
            field_features=field_features,
        )
        self.event_shape = (latent_shape[-1],)  # of others it is refused by who compares them

    @torch.no_grad()
    def start_at_codes(self, codes: Tensor) -> None:
        """Start at clusters of the codes: their shares, means and deviations."""
        found = find_clusters(codes, len(self.logits))
        self.logits.copy_(found.share.log())
        self.loc.copy_(found.mean)
        self.raw_scale.copy_(started_at(0.5 * found.variance.log(), *LOG_SCALE_BOUNDS))

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the mixture of log w, ``(*batch, M)``, μ and log σ before its bound."""
        logits, loc, raw_scale = numbers
        return ImplicitMixture(logits, loc, soft_bound(raw_scale, *LOG_SCALE_BOUNDS))
