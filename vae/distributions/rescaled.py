"""A distribution of standardised values as one of the values themselves."""

__all__ = ["Rescaled", "rescaled", "standardized"]

from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions.constraints import Constraint
from torch.types import _size

from vae.distributions.joint import Joint


class Rescaled(Distribution):
    r"""The distribution of :math:`x = m + s\,u`, with u from a base distribution.

    ``log p(x) = log p_u((x - m)/s) - Σ log s``, the sum over the event of the base.

    Args:
        base: Of u; a density.
        shift: m, broadcastable with u. Of higher precision than u where x needs it.
        scale: s > 0, broadcastable with u and of its type.

    Example:
        >>> import torch
        >>> from vae.distributions.log_scale_normal import UnitNormal
        >>> p = Rescaled(UnitNormal(torch.zeros(2)), torch.tensor([5.0, 0.0]), torch.ones(2) * 2)
        >>> p.log_prob(torch.tensor([5.0, 2.0]))
        tensor([-1.6121, -2.1121])
    """

    arg_constraints = {}  # noqa: RUF012, as torch declares it

    def __init__(self, base: Distribution, shift: Tensor, scale: Tensor) -> None:
        self.base, self.shift, self.scale = base, shift, scale
        self.has_rsample = base.has_rsample
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def support(self) -> Constraint | None:
        """That of the base: real values stay real."""
        return self.base.support

    @property
    def mean(self) -> Tensor:
        """``m + s E[u]``."""
        return self.base.mean * self.scale + self.shift

    @property
    def mode(self) -> Tensor:
        """``m + s`` times the mode of u."""
        return self.base.mode * self.scale + self.shift

    @property
    def variance(self) -> Tensor:
        """``s² Var[u]``."""
        return self.base.variance * self.scale.square()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value`, from which m is subtracted before it is rounded."""
        u = (value - self.shift).to(self.scale.dtype) / self.scale
        log_scale = self.scale.log()
        dims = len(self.event_shape)
        return self.base.log_prob(u) - (log_scale.flatten(-dims).sum(-1) if dims else log_scale)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``m + s u``, ``(*sample_shape, *batch, *event)``."""
        return self.base.sample(sample_shape) * self.scale + self.shift

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw with a gradient, where u has one."""
        return self.base.rsample(sample_shape) * self.scale + self.shift


def rescaled(px: Distribution, shift: Tensor, scale: Tensor) -> Distribution:
    """Return p of ``shift + scale · u``, `px` being that of u; independent values stay so."""
    if isinstance(px, Independent):
        base = Rescaled(px.base_dist, shift, scale)
        return Joint(base, px.reinterpreted_batch_ndims)
    return Rescaled(px, shift, scale)


def standardized(px: Distribution) -> Distribution:
    """Return the distribution that `rescaled` was given; any other as it is."""
    if isinstance(px, Independent) and isinstance(px.base_dist, Rescaled):
        return Joint(px.base_dist.base, px.reinterpreted_batch_ndims)
    return px.base if isinstance(px, Rescaled) else px
