"""What penalties take from a trace."""

__all__ = ["draws", "latent_with_paths", "only_latent", "posterior_draws"]

import torch
from torch import Tensor

from vae.distributions import draw, points
from vae.trace import Latent, Trace


def only_latent(trace: Trace) -> Latent:
    """Return the one latent variable of a trace.

    Raises:
        ValueError: If there are several, or examples share it.
    """
    if len(trace.latents) > 1:
        raise ValueError(
            f"this penalty is defined for one latent variable; got {len(trace.latents)}. "
            "Use a model with one, or no penalty."
        )
    if trace.latents[0].shared:
        raise ValueError(
            "this penalty is defined for a latent variable of each example, and all examples share "
            f"{trace.latents[0].name}. Use no penalty."
        )
    return trace.latents[0]


def latent_with_paths(trace: Trace) -> Latent:
    """Return the one latent variable of a trace, whose draws pass gradients on where they are on.

    Raises:
        ValueError: If no gradient can go through the draws, or there are several latent variables.
    """
    latent = only_latent(trace)
    if torch.is_grad_enabled() and not latent.q.has_rsample:
        raise ValueError(
            f"this penalty needs a posterior with rsample; got {latent.q}. "
            "Use posterior=normal, or posterior.temperature=0.5."
        )
    return latent


def posterior_draws(trace: Trace) -> Tensor:
    """Return one draw of the aggregate posterior per example, ``(B, D)``, with its gradient.

    Raises:
        ValueError: If no gradient can go through the draws, or there are several latent variables.
    """
    return latent_with_paths(trace).point[0].flatten(1)


def draws(trace: Trace) -> tuple[Tensor, Tensor]:
    """Return as many draws, ``(B, D)`` each, of the aggregate posterior and of the prior."""
    z = posterior_draws(trace)
    with torch.no_grad():
        p = only_latent(trace).p
        if p.batch_shape.numel() == 1:
            u = draw(p, len(z))[0].reshape(len(z), *p.event_shape)
        else:  # a prior of each example
            u = draw(p)[0].reshape(-1, *z.shape[:1], *p.event_shape)[0]
    return z, points(p, u).flatten(1)
