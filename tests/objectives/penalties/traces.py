"""Traces of posteriors that are given outright, without a net or a likelihood."""

from math import log

import torch
from torch.distributions import Independent

from vae.distributions import LogScaleNormal, draw
from vae.priors import StandardNormal
from vae.trace import Latent, Observed, Trace


def normal(mean, scale):
    """N(mean, scale² I) along the last axis."""
    log_scale = torch.full_like(mean, log(scale))
    return Independent(LogScaleNormal(mean, log_scale), 1, validate_args=False)


def trace_of(q, *, num_samples=1, p=None):
    """The trace of a posterior; no penalty over latents looks at the likelihood."""
    p = StandardNormal(q.event_shape)() if p is None else p
    z, log_q = draw(q, num_samples)
    return Trace((Latent("z", q, p, z, log_q),), (Observed("x", p, z[0]),))


def trace_at(z, p=None):
    """A trace whose draws are the given points, ``(B, D)``."""
    p = StandardNormal(z.shape[1:])() if p is None else p
    return Trace((Latent("z", normal(z, 1.0), p, z[None]),), (Observed("x", p, z),))


def z_score(draws, expected):
    """How many standard errors the mean of independent draws lies from what is expected."""
    return (draws.mean() - expected) / (draws.std() / len(draws) ** 0.5)
