"""Sequential Monte Carlo over the steps of a chain: weights, and which samples go on."""

__all__ = ["Particles", "ancestors"]

from collections.abc import Mapping
from math import log

import torch
from torch import Tensor

from vae.trace import Latent, Observed, total


class Particles:
    r"""K weighted samples of each example, of which the likely ones replace the others.

    A step multiplies weights by :math:`p(x_t, z_t | …) / q(z_t | …)`. Where the effective sample
    size :math:`(\sum w)^2 / \sum w^2` of an example falls below a share of K, its samples are drawn
    anew in proportion to their weights, which then are equal. The product of the mean weights
    between is an unbiased estimate of p(x). Which sample is drawn has no gradient.

    Args:
        threshold: That share, in [0, 1]: 1 resamples after each step, 0 never.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.seen = 0  # latents whose densities are in the weights
        self.log_w: Tensor | None = None  # (K, B), since the samples were last drawn anew
        self.before: Tensor | None = None  # (B,), log mean weights of before

    def carry(
        self, latents: Mapping[str, Latent], state: tuple[Tensor, ...], seen: Observed
    ) -> tuple[Tensor, ...]:
        """Weigh a step, and return the state of the samples that go on; see `Along.carry`."""
        new = list(latents.values())[self.seen :]
        self.seen = len(latents)
        step = total([seen.log_px, *(a.log_p - a.log_q for a in new)])
        log_w = step if self.log_w is None else self.log_w + step
        with torch.no_grad():
            chosen = self.is_poor(log_w)
            if isinstance(seen.weight, Tensor):  # an example that has ended stays as it is
                chosen = chosen & (seen.weight != 0)
            each = torch.arange(len(log_w), device=log_w.device)[:, None]
            parents = torch.where(chosen, ancestors(log_w), each)
        mean = torch.where(chosen, log_mean(log_w), 0.0)
        self.before = mean if self.before is None else self.before + mean
        self.log_w = torch.where(chosen, 0.0, log_w)
        return tuple(taken(value, parents) for value in state)

    def is_poor(self, log_w: Tensor) -> Tensor:
        """Return whether an example's effective sample size is below the share, bool ``(B,)``."""
        w = log_w.softmax(0)
        size = 1 / w.square().sum(0)
        return (size < self.threshold * len(log_w)) | (self.threshold == 1)

    @property
    def log_bound(self) -> Tensor:
        """The logarithm of the estimate of p(x), ``(B,)``.

        Raises:
            ValueError: If the model handed no state on.
        """
        if self.log_w is None or self.before is None:
            raise ValueError(
                "the model hands no state from step to step: FIVO is a bound of chains of latents. "
                "Use model=vrnn or model=dmm, or objective=iwae"
            )
        return self.before + log_mean(self.log_w)


def log_mean(log_w: Tensor) -> Tensor:
    """Return the logarithm of the mean weight over samples, ``(K, B)`` to ``(B,)``."""
    return log_w.logsumexp(0) - log(len(log_w))


def ancestors(log_w: Tensor) -> Tensor:
    """Draw for each of K samples whose place it takes, in proportion to weights ``(K, B)``.

    By inversion, so that weights that are no numbers lead to no error but to a loss that is none.
    """
    cumulated = log_w.softmax(0).T.cumsum(1)
    places = torch.rand_like(cumulated) * cumulated[:, -1:]
    return torch.searchsorted(cumulated.contiguous(), places).clamp_max(len(log_w) - 1).T


def taken(value: Tensor, parents: Tensor) -> Tensor:
    """Return of values ``(K, B, ...)`` those of the parents ``(K, B)``."""
    return value[parents, torch.arange(parents.shape[1], device=parents.device)]
