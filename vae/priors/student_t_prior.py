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
from vae.priors.learned_normal import location_and_scale, start_at_moments
from vae.priors.prior import Prior


class StudentTPrior(Prior, StartsFromCodes):
    r"""Independent Student's t distributions, :math:`p(z) = \prod_d t_ν(z_d; μ_d, s_d)`.

    Latents far from the middle cost a logarithm of their distance, not its square. μ and s are
    learned, from 0 and 1; log s is softly bounded to [−7, 5].

    Args:
        latent_shape: Shape of one latent, ``(D,)``.
        df: ν, from 2.1 to 100; ``None`` learns one of each dimension, from 10.

    Raises:
        ValueError: If the number is out of range.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.real_vector

    def __init__(self, latent_shape: Sequence[int], *, df: float | None = 5.0) -> None:
        super().__init__()
        check_df(df)
        self.event_shape = tuple(latent_shape)
        self.loc, self.raw_scale = location_and_scale(self.event_shape)
        self.df = df
        self.raw_df = None if df is not None else nn.Parameter(torch.zeros(*self.event_shape))

    def start_at_codes(self, codes: Tensor) -> None:
        """Start at mean and deviation."""
        start_at_moments(self.loc, self.raw_scale, codes)

    def forward(self) -> Distribution:
        """Return the distribution of event shape ``latent_shape``."""
        if self.raw_df is not None:
            df = learned_df(self.raw_df)
        else:
            df = torch.full_like(self.loc, self.df or 0.0)
        log_scale = soft_bound(self.raw_scale, *LOG_SCALE_BOUNDS)
        return Joint(LogScaleStudentT(self.loc, log_scale, df), self.loc.dim())
