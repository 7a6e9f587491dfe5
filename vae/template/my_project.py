"""Parts of your own. A config names a class of this module, ``_target_: my_project.MyPrior``."""

__all__ = ["MyNet", "MyObjective", "MyPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Laplace, constraints

from vae.networks import Network
from vae.objectives import START, Objective, Progress
from vae.priors import Prior
from vae.trace import Trace


class MyPrior(Prior):
    """p(z): independent Laplace variables, which have longer tails than normal ones.

    Args:
        latent_shape: Shape of one latent, ``(D,)``. Given, since the argument has this name.
        scale: Of each variable, > 0.
    """

    support = constraints.real_vector
    zeros: Tensor

    def __init__(self, latent_shape: Sequence[int], *, scale: float = 1.0) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"scale must be positive; got {scale}")
        self.event_shape = tuple(latent_shape)
        self.scale = scale
        self.register_buffer("zeros", torch.zeros(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return p(z)."""
        return Independent(Laplace(self.zeros, self.scale), self.zeros.dim())


class MyNet(Network):
    """One hidden layer, and a straight way past it.

    Args:
        in_shape: Shape of one input. Given.
        out_shape: Shape of one output. Given.
        width: Of the hidden layer, ≥ 1.
    """

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], *, width: int) -> None:
        super().__init__(in_shape, out_shape)
        self.past = nn.Linear(self.in_features, self.out_features, bias=False)
        hidden = nn.Linear(self.in_features, width)
        self.layers = nn.Sequential(hidden, nn.SiLU(), nn.Linear(width, self.out_features))

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, out_features)``."""
        x = x.flatten(1)
        return self.past(x) + self.layers(x)


class MyObjective(Objective):
    """The reconstruction term and the squared KL, in nats per example.

    Args:
        weight: Of the squared KL, ≥ 0.
    """

    def __init__(self, *, weight: float = 0.1) -> None:
        super().__init__()
        if not weight >= 0:
            raise ValueError(f"weight must be at least 0; got {weight}")
        self.weight = weight

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms of the loss."""
        return {
            "reconstruction": -trace.log_px.mean(),
            "squared_kl": self.weight * trace.kl.mean().square(),
        }
