"""The Laplace prior of learned locations and widths."""

__all__ = ["LaplacePrior"]

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions import Joint
from vae.distributions.likelihoods.laplace import LogScaleLaplace
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.from_data import StartsFromCodes
from vae.networks.conditioned import FieldFeatures
from vae.priors.learned_normal import location_and_scale, start_at_moments
from vae.priors.parametric_prior import ParametricPrior


class LaplacePrior(ParametricPrior, StartsFromCodes):
    r"""Independent Laplace distributions, :math:`p(z) = \prod_d \exp(-|z_d - μ_d|/b_d)/(2 b_d)`.

    Unlike N(0, I) it is not the same in all directions: it prefers latents few of which are far
    from the middle. μ and b are learned, from 0 and 1; log b is softly bounded to [−7, 5].

    Args:
        latent_shape: Shape of one latent, ``(D,)``.
        conditional: Whether it is p(z|y), with μ and b of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is to be conditional in a model without a condition.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    support = constraints.real_vector
    loc: Tensor
    raw_scale: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        super().__init__(
            latent_shape,
            location_and_scale(latent_shape),
            conditional=conditional,
            field_features=field_features,
        )

    def start_at_codes(self, codes: Tensor) -> None:
        """Start at mean and deviation."""
        start_at_moments(self.loc, self.raw_scale, codes)

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of μ and log b before its bound, ``(*batch, *latent_shape)``."""
        loc, raw_scale = numbers
        log_scale = soft_bound(raw_scale, *LOG_SCALE_BOUNDS)
        return Joint(LogScaleLaplace(loc, log_scale), len(self.event_shape))
