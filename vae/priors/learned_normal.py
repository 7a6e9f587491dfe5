"""The normal prior of learned means and widths."""

__all__ = ["LearnedNormal", "location_and_scale", "start_at_moments"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae.distributions import Joint, LogScaleNormal
from vae.distributions.log_scale_normal import (
    LOG_SCALE_BOUNDS,
    inverse_soft_bound,
    soft_bound,
    started_at,
)
from vae.from_data import StartsFromCodes
from vae.networks.conditioned import FieldFeatures
from vae.priors.parametric_prior import ParametricPrior


class LearnedNormal(ParametricPrior, StartsFromCodes):
    r"""The diagonal Gaussian :math:`p(z) = N(z; μ, \mathrm{diag}\,σ²)` with μ and σ learned.

    It starts as N(0, I); log σ is softly bounded to [−7, 5]. If it is conditional, p(z|y), μ and
    the number before that bound are affine in the features of the fields that the model is given:
    of a class a table.

    Args:
        latent_shape: Shape of one latent, ``(D,)``.
        conditional: Whether it is p(z|y).
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
        """Start at mean and deviation, where the likelihood of the codes is greatest."""
        start_at_moments(self.loc, self.raw_scale, codes)

    def of(self, *numbers: Tensor) -> Distribution:
        """Return N(μ, diag σ²) of μ and log σ before its bound, ``(*batch, *latent_shape)``."""
        loc, raw_scale = numbers
        log_scale = soft_bound(raw_scale, *LOG_SCALE_BOUNDS)
        return Joint(LogScaleNormal(loc, log_scale), len(self.event_shape))


def location_and_scale(shape: Sequence[int]) -> dict[str, Tensor]:
    """Return a location 0, and the number of which the softly bounded log-scale is 0, to learn."""
    start = inverse_soft_bound(0.0, *LOG_SCALE_BOUNDS)
    loc, raw_scale = torch.zeros(*shape), torch.full(tuple(shape), start)
    return {"loc": nn.Parameter(loc), "raw_scale": nn.Parameter(raw_scale)}


@torch.no_grad()
def start_at_moments(loc: Tensor, raw_scale: Tensor, codes: Tensor) -> None:
    """Set a location and the number before the bound of a log-scale to the codes' moments."""
    loc.copy_(codes.mean(0))
    raw_scale.copy_(started_at(codes.std(0).log(), *LOG_SCALE_BOUNDS))
