"""A world of x that actions move linearly, z_t ~ N(A z_(t-1) + B a_t, v), x_t ~ N(1.5 z_t, s²)."""

from math import log

import torch
from torch import nn

from vae.distributions import Conditional, EachStep, FixedScale, Normal, NormalPosterior
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound
from vae.models import RSSM

A = torch.tensor([[0.8, -0.5], [0.4, 0.7]])
B = torch.tensor([[1.0, 0.3], [0.0, -1.0]])
SEEN = 1.5


class Remembers(nn.Module):
    """A cell whose h is z and the action before."""

    def __init__(self):
        super().__init__()
        self.latent, self.action = nn.Linear(2, 2), nn.Linear(2, 2, bias=False)
        self.gru = nn.GRUCell(2, 4)  # tells the size of h
        nn.init.eye_(self.action.weight)

    def forward(self, h, z, action):
        return torch.cat([z, action.expand_as(z)], -1)


class Told(nn.Module):
    """A net that is a function."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def moved(h):
    """Return where z and action lead on average."""
    return h[..., :2] @ A.T.to(h) + h[..., 2:] @ B.T.to(h)


def raw(loc, variance):
    """Return what `NormalPosterior` reads as this mean and variance."""
    log_scale = inverse_soft_bound(0.5 * log(variance), *LOG_SCALE_BOUNDS)
    return torch.cat([loc, torch.full_like(loc, log_scale)], -1)


def linear_world(steps, *, variance=1.0, noise=0.6, fields=("x", "action")):
    """Return the world whose q(z_t|h_t, x_t) is p(z_t|z_(t-1), a_t, x_t)."""
    gain = variance * SEEN / noise**2
    left = variance / (1 + SEEN * gain)
    weight = left * SEEN / noise**2

    def seen(h, x):
        return raw((1 - weight * SEEN) * moved(h) + weight * x, left)

    return RSSM(
        nn.Identity(),
        Remembers(),
        Conditional(Told(seen), NormalPosterior(2)),
        Conditional(Told(lambda h: raw(moved(h), variance)), NormalPosterior(2)),
        Conditional(
            Told(lambda state: SEEN * state[..., 4:]),
            EachStep(Normal((2,), scale=FixedScale(noise)), steps),
        ),
        num_steps=steps,
        fields=fields,
    )
