"""The Laplace prior of learned locations and widths."""

__all__ = ["LaplacePrior"]

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions import Joint
from vae.distributions.likelihoods.laplace import LogScaleLaplace
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.from_data import StartsFromCodes
from vae.priors.learned_normal import location_and_scale, start_at_moments
from vae.priors.prior import Prior


class LaplacePrior(Prior, StartsFromCodes):
    r"""Independent Laplace distributions, :math:`p(z) = \prod_d \exp(-|z_d - μ_d|/b_d)/(2 b_d)`.

    Unlike N(0, I) it is not the same in all directions: it prefers latents few of which are far
    from the middle. μ and b are learned, from 0 and 1; log b is softly bounded to [−7, 5].

    Args:
        latent_shape: Shape of one latent, ``(D,)``.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    support = constraints.real_vector

    def __init__(self, latent_shape: Sequence[int]) -> None:
        super().__init__()
        self.event_shape = tuple(latent_shape)
        self.loc, self.raw_scale = location_and_scale(self.event_shape)

    def start_at_codes(self, codes: Tensor) -> None:
        """Start at mean and deviation."""
        start_at_moments(self.loc, self.raw_scale, codes)

    def forward(self) -> Distribution:
        """Return the distribution of event shape ``latent_shape``."""
        log_scale = soft_bound(self.raw_scale, *LOG_SCALE_BOUNDS)
        return Joint(LogScaleLaplace(self.loc, log_scale), self.loc.dim())
