"""The normal prior of learned means and widths."""

__all__ = ["LearnedNormal", "location_and_scale", "start_at_moments"]

from collections.abc import Sequence
from math import prod

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
from vae.priors.prior import Prior


class LearnedNormal(Prior, StartsFromCodes):
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

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        conditional: bool = False,
        field_features: FieldFeatures | None = None,
    ) -> None:
        super().__init__()
        self.event_shape = tuple(latent_shape)
        self.loc, self.raw_scale = location_and_scale(self.event_shape)
        self.conditional = conditional
        if not conditional:
            return
        if field_features is None:
            raise ValueError(
                "conditional=true needs fields to be conditional on: use model.condition=[label]"
            )
        self.features = field_features
        self.shifts = nn.Linear(field_features.size, 2 * prod(self.event_shape), bias=False)
        nn.init.zeros_(self.shifts.weight)

    def start_at_codes(self, codes: Tensor) -> None:
        """Start at mean and deviation, where the likelihood of the codes is greatest."""
        start_at_moments(self.loc, self.raw_scale, codes)

    def forward(self, *given: Tensor) -> Distribution:
        """Return N(μ, diag σ²) of event shape ``latent_shape``, and of a row for each given."""
        loc, raw = self.loc, self.raw_scale
        if self.conditional:
            each = self.shifts(self.features(*given)).to(loc.dtype).unflatten(-1, (2, *loc.shape))
            loc, raw = loc + each[:, 0], raw + each[:, 1]
        log_scale = soft_bound(raw, *LOG_SCALE_BOUNDS)
        return Joint(LogScaleNormal(loc, log_scale), self.loc.dim())


def location_and_scale(shape: Sequence[int]) -> tuple[nn.Parameter, nn.Parameter]:
    """Return a location 0, and the number of which the softly bounded log-scale is 0."""
    start = inverse_soft_bound(0.0, *LOG_SCALE_BOUNDS)
    return nn.Parameter(torch.zeros(*shape)), nn.Parameter(torch.full(tuple(shape), start))


@torch.no_grad()
def start_at_moments(loc: Tensor, raw_scale: Tensor, codes: Tensor) -> None:
    """Set a location and the number before the bound of a log-scale to the codes' moments."""
    loc.copy_(codes.mean(0))
    raw_scale.copy_(started_at(codes.std(0).log(), *LOG_SCALE_BOUNDS))
