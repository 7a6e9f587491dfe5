"""The prior of heavy tails."""

__all__ = ["StudentTPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae.distributions import Joint, LogScaleStudentT
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.distributions.student_t import check_df, learned_df
from vae.from_data import StartsFromCodes
from vae.networks.conditioned import FieldFeatures
from vae.priors.learned_normal import location_and_scale, start_at_moments
from vae.priors.parametric_prior import ParametricPrior


class StudentTPrior(ParametricPrior, StartsFromCodes):
    r"""Independent Student's t distributions, :math:`p(z) = \prod_d t_ν(z_d; μ_d, s_d)`.

    Latents far from the middle cost a logarithm of their distance, not its square. μ and s are
    learned, from 0 and 1; log s is softly bounded to [−7, 5].

    Args:
        latent_shape: Shape of one latent, ``(D,)``.
        df: ν, from 2.1 to 100; ``None`` learns one of each dimension, from 10.
        conditional: Whether it is p(z|y), with μ, s and a learned ν of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If the number is out of range, or there is no condition to be conditional on.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.real_vector
    loc: Tensor
    raw_scale: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        df: float | None = 5.0,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_df(df)
        of_df = {"raw_df": nn.Parameter(torch.zeros(*latent_shape))} if df is None else {}
        super().__init__(
            latent_shape,
            {**location_and_scale(latent_shape), **of_df},
            conditional=conditional,
            field_features=field_features,
        )
        self.df = df

    def start_at_codes(self, codes: Tensor) -> None:
        """Start at mean and deviation."""
        start_at_moments(self.loc, self.raw_scale, codes)

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of μ, log s and ν before bounds, ``(*batch, *latent_shape)``."""
        loc, raw_scale, *raw_df = numbers
        df = learned_df(raw_df[0]) if raw_df else torch.full_like(loc, self.df or 0.0)
        log_scale = soft_bound(raw_scale, *LOG_SCALE_BOUNDS)
        return Joint(LogScaleStudentT(loc, log_scale, df), len(self.event_shape))
