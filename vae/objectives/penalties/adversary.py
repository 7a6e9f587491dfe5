"""A discriminator with an optimizer of its own, trained inside the objective."""

__all__ = ["DISCRIMINATOR", "Adversary"]

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Optimizer

from vae.distributions import frozen

DISCRIMINATOR = "_discriminator"  # ends the name of the term that trains one against a penalty


class Adversary(nn.Module):
    r"""Learns the logarithm of the ratio of two densities from draws of both.

    At the optimum of the cross-entropy the logit of "the point is of the first kind" is
    :math:`\log a(z)/b(z)`. The training loop steps `make_optimizer`'s optimizer at the same time as
    the model's: `loss` has gradients to the discriminator only, `log_ratio` to its argument only,
    so that one backward pass of their sum serves both.

    Args:
        discriminator: Maps ``(N, D)`` to logits ``(N, 1)``.
        optimizer: Makes the optimizer of the parameters it is given.

    References:
        Generative Adversarial Networks (Goodfellow et al., 2014), 1406.2661.
    """

    def __init__(self, discriminator: nn.Module, *, optimizer: Callable[..., Optimizer]) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.make_optimizer = optimizer

    def log_ratio(self, z: Tensor) -> Tensor:
        """Return the estimate of log a(z)/b(z), ``(N,)``, with gradients to z alone."""
        with frozen(self.discriminator):
            return self.logits(z)

    def loss(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the cross-entropy, a scalar, with gradients to the discriminator alone.

        Args:
            a: Draws of the first kind, ``(N, D)``.
            b: Draws of the second kind, ``(M, D)``.
        """
        first, second = self.logits(a.detach()), self.logits(b.detach())
        return softplus(-first).mean() + softplus(second).mean()

    def logits(self, z: Tensor) -> Tensor:
        """Return the logits, ``(N,)``, in single precision or better."""
        logits: Tensor = self.discriminator(z).squeeze(-1)
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
