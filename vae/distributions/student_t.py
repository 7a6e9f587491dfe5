"""Student's t distribution in terms of log s, and as a posterior of heavy tails."""

__all__ = ["LogScaleStudentT", "StudentTPosterior", "check_df", "learned_df"]

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, constraints, register_kl
from torch.types import _size

from vae.distributions.head import Head, check_latent_dim
from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, LogScaleNormal, soft_bound

# Of log(ν − 2), where ν is learned: from 2.1, heavy, to 92. Single precision knows c(ν) to 2e-5
# there; it loses digits as ν grows and the distribution becomes normal.
LOG_EXCESS_BOUNDS = (-2.3, 4.5)
START_DF = 10.0


class LogScaleStudentT(Distribution):
    r"""Student's t distribution with ν degrees of freedom, location μ and scale s.

    :math:`\log p(x) = -\frac{ν+1}{2} \log(1 + t^2/ν) - \log s + c(ν)`, t = (x − μ)/s. Its variance
    is s² ν/(ν − 2).

    Args:
        loc: μ, any shape.
        log_scale: log s, broadcastable with `loc`.
        df: ν above 2, broadcastable with `loc`.

    Example:
        >>> p = LogScaleStudentT(torch.zeros(1), torch.zeros(1), torch.tensor(3.0))
        >>> p.log_prob(torch.zeros(1))
        tensor([-1.0009])
    """

    has_rsample = True
    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real

    def __init__(self, loc: Tensor, log_scale: Tensor, df: Tensor) -> None:
        self.loc, self.log_scale, self.df = torch.broadcast_tensors(loc, log_scale, df)
        super().__init__(self.loc.shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogScaleStudentT":
        """Return the same distribution with another, broadcast batch shape."""
        shape = torch.Size(batch_shape)
        parts = (self.loc, self.log_scale, self.df)
        return LogScaleStudentT(*(part.expand(shape) for part in parts))

    def detach(self) -> "LogScaleStudentT":
        """Return the same of parameters without gradients."""
        return LogScaleStudentT(self.loc.detach(), self.log_scale.detach(), self.df.detach())

    @property
    def mean(self) -> Tensor:
        """μ, of the shape of the batch."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """s² ν/(ν − 2), of the shape of the batch."""
        return (2 * self.log_scale).exp() * (self.df / (self.df - 2))

    @property
    def log_constant(self) -> Tensor:
        """c(ν), of the shape of the batch."""
        half = self.df / 2
        gammas = torch.lgamma(half + 0.5) - torch.lgamma(half)
        return gammas - 0.5 * (self.df * math.pi).log()

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``μ + s ε √(ν/χ²)``, ``(*sample_shape, *batch)``."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = self.loc.new_empty(shape).normal_()
        half = self.df.expand(shape) / 2
        return torch.addcmul(
            self.loc, self.log_scale.exp(), noise * (half / torch._standard_gamma(half)).sqrt()
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value`, of the broadcast shape of `value` and the batch."""
        t = (value - self.loc) * (-self.log_scale).exp()
        tail = 0.5 * (self.df + 1) * torch.log1p(t.square() / self.df)
        return self.log_constant - self.log_scale - tail

    def entropy(self) -> Tensor:
        """Return the entropy, of the shape of the batch."""
        half = self.df / 2
        slope = torch.digamma(half + 0.5) - torch.digamma(half)
        return (half + 0.5) * slope - self.log_constant + self.log_scale


@register_kl(LogScaleStudentT, Normal)
def _kl_student_normal(q: LogScaleStudentT, p: Normal) -> Tensor:
    log_scale = p.log_scale if isinstance(p, LogScaleNormal) else p.scale.log()
    squares = (q.variance + (q.loc - p.loc).square()) * (-2 * log_scale).exp()
    return 0.5 * (squares + math.log(2 * math.pi)) + log_scale - q.entropy()


class StudentTPosterior(Head):
    r"""Independent Student's t distributions, :math:`q(z|x) = \prod_d t_ν(z_d; μ_d(x), s_d(x))`.

    The net gives μ, log s and, where ν is learned, log(ν − 2) of each latent, which starts at
    ν = 10; log s is softly bounded to [−7, 5] and ν to [2.1, 92]. With ν of at most 2 the
    divergence from a normal prior would be infinite.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        df: ν, from 2.1 to 100; ``None`` learns it.

    Raises:
        ValueError: If a number is out of range.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, df: float | None = 5.0) -> None:
        check_latent_dim(latent_dim)
        check_df(df)
        super().__init__((latent_dim,), ((2 if df is not None else 3) * latent_dim,))
        self.df = df

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D)``, or ``(*lead, 3D)`` with ν, to a distribution over ``(D,)``."""
        loc, log_scale, *excess = params.split(self.event_shape[0], -1)
        df = learned_df(excess[0]) if excess else torch.full_like(loc, self.df or START_DF)
        return Joint(LogScaleStudentT(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS), df), 1)


def learned_df(raw: Tensor) -> Tensor:
    """Return ν of an unbounded number, which is `START_DF` at 0."""
    return 2 + soft_bound(raw + math.log(START_DF - 2), *LOG_EXCESS_BOUNDS).exp()


def check_df(df: float | None) -> None:
    """Refuse degrees of freedom without a variance, and such that are normal to all precision."""
    if df is not None and not 2.1 <= df <= 100:
        raise ValueError(
            f"df must be from 2.1 to 100, or null to learn it; got {df}: the variance of a "
            "Student's t is infinite up to 2"
        )
