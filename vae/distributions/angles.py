"""Angles between a von Mises–Fisher draw and its mean direction: density, moments, draws."""

__all__ = ["Moments", "draw_angles", "moments"]

from math import lgamma, log, pi
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Beta

NODES = 128  # of the Gauss–Legendre rule
REACH = 16  # widths of the density on either side of its mode, outside of which is less than 1e-16


class Moments(NamedTuple):
    """What a concentration κ says of the angle θ, each of the shape of κ.

    Attributes:
        log_mass: ``log ∫ exp(κ (cos θ − 1)) sin^(d−2) θ dθ`` minus the same at κ = 0.
        gap: ``1 − E cos θ``.
    """

    log_mass: Tensor
    gap: Tensor


def moments(kappa: Tensor, dim: int) -> Moments:
    """Return the moments of concentrations in double precision, with gradients, of any shape.

    By quadrature over the angles that carry mass: no Bessel function, which overflows in high
    dimensions. Right to 1e-10 in dimensions up to 2048 for κ up to 1e4.
    """
    low, high = limits(kappa.detach(), dim)
    angles, log_w = grid(low, high)
    terms = log_density(angles, kappa.unsqueeze(-1), dim) + log_w
    even = 0.5 * log(pi) + lgamma((dim - 1) / 2) - lgamma(dim / 2)
    gap = (terms.softmax(-1) * gap_of(angles)).sum(-1)
    return Moments(terms.logsumexp(-1) - even, gap)


def draw_angles(kappa: Tensor, dim: int) -> Tensor:
    r"""Draw an angle for each concentration, in double precision, with its gradient.

    The draw comes from Wood's rejection, through which nothing is differentiated: its gradient is
    the implicit one, :math:`dθ/dκ = -(∂F/∂κ) / g(θ)` with F the distribution function and g its
    density, in which :math:`∂F/∂κ = \int_0^θ (\cos t - E \cos t)\, g(t)\, dt`.

    Args:
        kappa: κ > 0, double precision, any shape.
        dim: d, at least 2.

    References:
        Simulation of the von Mises Fisher distribution (Wood, 1994).
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """
    held = kappa.detach()
    angles = rejection(held.flatten(), dim).view_as(held)
    if not (torch.is_grad_enabled() and kappa.requires_grad):
        return angles
    with torch.no_grad():
        slope = implicit_slope(angles, held, dim)
    return angles + slope * (kappa - held)


@torch.library.custom_op("vae::von_mises_fisher_angles", mutates_args=())
def rejection(kappa: Tensor, dim: int) -> Tensor:
    """Draw an angle for each κ ``(N,)`` by proposals until all are accepted.

    How many it takes is not known before, so that compiled graphs are to take it as one operation.
    """
    m = dim - 1
    b = m / (2 * kappa + torch.hypot(2 * kappa, torch.full_like(kappa, m)))
    rest = 2 * b / (1 + b)  # 1 − x₀ of the paper
    angles, left = torch.empty_like(kappa), torch.arange(len(kappa), device=kappa.device)
    half = kappa.new_tensor(m / 2)
    proposal = Beta(half, half, validate_args=False)
    while len(left):
        k, b_left, r = kappa[left], b[left], rest[left]
        u = proposal.sample(left.shape)
        gap = 2 * b_left * u / (1 - (1 - b_left) * u)
        score = k * (r - gap) + m * ((r + (1 - r) * gap) / (r * (2 - r))).log()
        accepted = score >= torch.rand_like(u).log()
        found = 2 * torch.atan2((b_left * u).sqrt(), (1 - u).sqrt())
        angles[left[accepted]] = found[accepted]
        left = left[~accepted]
    return angles


@rejection.register_fake
def _(kappa: Tensor, dim: int) -> Tensor:
    return torch.empty_like(kappa)


def implicit_slope(angles: Tensor, kappa: Tensor, dim: int) -> Tensor:
    """Return dθ/dκ, at most 0: the integral is taken on the side where nothing cancels."""
    gap = moments(kappa, dim).gap
    low, high = limits(kappa, dim)
    near = gap_of(angles) < gap
    start = torch.where(near, torch.minimum(low, angles), angles)
    end = torch.where(near, angles, torch.maximum(high, angles))
    at, log_w = grid(start, end)
    kappa = kappa.unsqueeze(-1)
    ratio = log_density(at, kappa, dim) - log_density(angles.unsqueeze(-1), kappa, dim)
    return -((ratio + log_w).exp() * (gap.unsqueeze(-1) - gap_of(at)).abs()).sum(-1)


def gap_of(angles: Tensor) -> Tensor:
    """Return ``1 − cos θ`` without cancellation."""
    return 2 * (angles / 2).sin().square()


def log_density(angles: Tensor, kappa: Tensor, dim: int) -> Tensor:
    """Return ``κ (cos θ − 1) + (d − 2) log sin θ``."""
    return torch.xlogy(dim - 2, angles.sin()) - kappa * gap_of(angles)


def limits(kappa: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return the ends of the angles that carry mass, each of the shape of κ.

    With n = d − 2 and r = √(n² + 4κ²) the mode is where sin² θ = 2n / (n + r), and minus the
    second derivative of the log-density is r there.
    """
    n = torch.full_like(kappa, dim - 2)
    root = torch.hypot(n, 2 * kappa)
    mode = (2 * n / (n + root)).sqrt().clamp_max(1).asin()
    reach = REACH * root.rsqrt()
    return (mode - reach).clamp_min(0), (mode + reach).clamp_max(pi)


def grid(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nodes between two ends and their log-weights, ``(*shape, NODES)`` each."""
    nodes, weights = RULE[0].to(low.device), RULE[1].to(low.device)
    length = (high - low).unsqueeze(-1)
    return low.unsqueeze(-1) + length * nodes, (length * weights).log()


def gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Return nodes and weights of the rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)


RULE = gauss_legendre(NODES)
