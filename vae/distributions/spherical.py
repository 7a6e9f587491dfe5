"""Distributions on the unit sphere: what they have in common, and the uniform one."""

__all__ = ["Spherical", "UniformDirection", "concentrated", "direction", "kl_to_uniform"]

from abc import ABC, abstractmethod
from math import lgamma, log, pi
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints, register_kl
from torch.types import _size

from vae.distributions.log_scale_normal import soft_bound
from vae.supports import unit_sphere

LOG_CONCENTRATION_BOUNDS = (log(1e-2), log(1e4))


class Spherical(Distribution, ABC):
    """A density on the unit sphere of R^D that depends on the angle to a mean direction alone.

    Densities are with respect to the surface of the sphere. Normalisers and angles are computed in
    double precision.

    Args:
        loc: Mean directions μ, of length one, ``(*batch, D)`` with D at least 2.
        concentration: κ > 0, ``(*batch)``.
        validate_args: For torch's interface; nothing is checked.
    """

    has_rsample = True
    arg_constraints = {  # noqa: RUF012  (torch's own interface)
        "loc": unit_sphere,
        "concentration": constraints.positive,
    }
    support = unit_sphere

    def __init__(
        self, loc: Tensor, concentration: Tensor, validate_args: bool | None = None
    ) -> None:
        self.loc = loc
        self.concentration = concentration
        super().__init__(concentration.shape, loc.shape[-1:], validate_args=False)

    @abstractmethod
    def angles(self, kappa: Tensor) -> Tensor:
        """Draw the angle to the mean direction for each κ, in double precision, any shape."""

    @abstractmethod
    def kl_to_uniform(self) -> Tensor:
        """Return the KL divergence to the uniform distribution, ``(*batch)``."""

    def expand(self, batch_shape: _size, _instance: Any = None) -> "Spherical":
        """Return the same distribution with another, broadcast batch shape."""
        loc = self.loc.expand(*batch_shape, -1)
        return type(self)(loc, self.concentration.expand(batch_shape))

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``.

        A draw around the first axis is reflected to the mean direction, and turned around once if
        this is less than a quarter turn away: the reflection is well-conditioned everywhere.
        """
        shape = self._extended_shape(Size(sample_shape))
        angle = self.angles(self.concentration.double().expand(shape[:-1])).unsqueeze(-1)
        across = torch.randn(*shape[:-1], shape[-1] - 1, dtype=angle.dtype, device=angle.device)
        across = across / across.norm(dim=-1, keepdim=True)
        around_axis = torch.cat([angle.cos(), angle.sin() * across], -1).to(self.loc.dtype)
        first = torch.zeros_like(self.loc)
        first[..., 0] = torch.where(self.loc[..., 0] < 0, -1.0, 1.0)
        sign, normal = first[..., :1], self.loc + first
        along = (around_axis * normal).sum(-1, keepdim=True)
        image = around_axis - 2 * along / normal.square().sum(-1, keepdim=True) * normal
        return -sign * image

    def entropy(self) -> Tensor:
        """Return the differential entropy on the sphere, ``(*batch)``."""
        return log_area(self.loc.shape[-1]) - self.kl_to_uniform()


class UniformDirection(Distribution):
    r"""The uniform distribution on the unit sphere, :math:`p(z) = Γ(D/2) / (2 π^{D/2})`.

    Args:
        zeros: A tensor of D zeros, whose type and device are those of the draws.

    Example:
        >>> p = UniformDirection(torch.zeros(3))
        >>> p.log_prob(p.sample((2,)))  # the sphere has an area of 4π
        tensor([-2.5310, -2.5310])
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = unit_sphere

    def __init__(self, zeros: Tensor) -> None:
        self.zeros = zeros
        super().__init__(zeros.shape[:-1], zeros.shape[-1:], validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "UniformDirection":
        """Return the same distribution with another, broadcast batch shape."""
        return UniformDirection(self.zeros.expand(*batch_shape, -1))

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``."""
        shape = self._extended_shape(Size(sample_shape))
        noise = torch.randn(shape, dtype=self.zeros.dtype, device=self.zeros.device)
        return noise / noise.norm(dim=-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the logarithm of the sphere's area, ``(*, *batch)``."""
        return (0 * value).sum(-1) - log_area(self.zeros.shape[-1])

    def entropy(self) -> Tensor:
        """Return the logarithm of the sphere's area, ``(*batch)``."""
        return self.zeros.sum(-1) + log_area(self.zeros.shape[-1])


def log_area(dim: int) -> float:
    """Return the logarithm of the area of the unit sphere in R^dim."""
    return log(2) + dim / 2 * log(pi) - lgamma(dim / 2)


@register_kl(Spherical, UniformDirection)
def kl_to_uniform(q: Spherical, p: UniformDirection) -> Tensor:
    """Return KL(q ‖ p), ``(*batch)``."""
    return q.kl_to_uniform()


def concentrated(raw: Tensor) -> Tensor:
    """Return concentrations between 0.01 and 10,000 of raw parameters of any shape."""
    return soft_bound(raw, *LOG_CONCENTRATION_BOUNDS).exp()


def direction(raw: Tensor) -> Tensor:
    """Return raw vectors ``(*, D)`` at length one; the first axis in place of a vector of zeros."""
    largest = raw.detach().abs().amax(-1, keepdim=True)
    first = torch.zeros_like(raw)
    first[..., 0] = 1
    raw = torch.where(largest > 0, raw / largest.clamp_min(torch.finfo(raw.dtype).tiny), first)
    return raw / raw.norm(dim=-1, keepdim=True)
