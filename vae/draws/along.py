"""What a chain of steps asks of a way of choosing values, besides the values themselves."""

__all__ = ["Along", "settled"]

from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions.of_step import OfStep, made_together
from vae.distributions.sampling import in_logarithms
from vae.draws.particles import Particles
from vae.trace import Latent, Observed


class Along(ABC):
    """The part of `Draws` that a model with a chain of latents uses.

    Attributes:
        latents: What was chosen, by name.
        continues: Whether what an autoregressive model goes on with is drawn where it is not known.
        particles: What resamples the state between two steps, if anything does.
    """

    latents: Mapping[str, Latent]
    continues: bool = False
    particles: Particles | None = None

    def fed(self, px: Callable[[], Distribution], x: Tensor | None, known: Tensor | None) -> Tensor:
        """Return the values with which an autoregressive model goes on.

        Args:
            px: Makes p(x_t | …), batch shape ``(K, B)``.
            x: Its values, ``(B, *event)``; ``None`` if none are known.
            known: Which rows or values are, bool, of the dimensions of x; ``None`` means all.

        Returns:
            ``(B, *event)``, or ``(K, B, *event)`` where some are drawn. What is not known is as it
            is in x unless this way of choosing goes on beyond it.
        """
        if x is None:
            return px().sample()
        if not self.continues or known is None:
            return x
        return torch.where(known, x, px().sample())

    def carry(self, *state: Tensor, seen: Callable[[], Observed]) -> tuple[Tensor, ...]:
        """Hand all state from one step of a chain to the next, after the step.

        Bounds that resample between steps give to each of the K samples of an example the state of
        one of them; all others return it as it is. What depends on a draw must be among it.

        Args:
            state: What later steps read, ``(K, B, ...)`` each.
            seen: Says what is observed of the step; asked only if states are resampled.
        """
        return (
            state if self.particles is None else self.particles.carry(self.latents, state, seen())
        )


def settled(latents: Iterable[Latent]) -> tuple[Latent, ...]:
    """Return latents whose priors are made: those of one part by one call."""
    latents = tuple(latents)
    made_together(latent.p for latent in latents if isinstance(latent.p, OfStep))
    return tuple(
        replace(latent, p=in_logarithms(latent.p.made)) if isinstance(latent.p, OfStep) else latent
        for latent in latents
    )
