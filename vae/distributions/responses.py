"""What is predicted of an example: a class, or a real number in units of its own."""

__all__ = ["ClassResponse", "RealResponse", "Response"]

from abc import abstractmethod
from math import log
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    MixtureSameFamily,
    constraints,
)

from vae.distributions.head import Head
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, LogScaleNormal, soft_bound
from vae.from_data import StartsFromField

START_NOISE = 0.3  # of the data's deviation: below 1, so that a net learns before it is silenced


class Response(Head):
    """A head for p(y|x), where y is one value: an event of shape ``()``.

    Attributes:
        field: What y is called in a batch.
    """

    field: str

    @abstractmethod
    def mixed(self, params: Tensor) -> Distribution:
        """Return the mean of the distributions of K samples ``(K, *lead, *param_shape)``."""


@final
class ClassResponse(Response):
    """One of several classes, whose logits a net gives.

    Args:
        num_classes: At least 2.
    """

    field = "label"
    support = constraints.nonnegative_integer

    def __init__(self, num_classes: int) -> None:
        super().__init__((), (num_classes,))

    def forward(self, params: Tensor) -> Categorical:
        """Map logits ``(*lead, C)`` to a distribution of batch shape ``lead``."""
        return Categorical(logits=params, validate_args=False)

    def mixed(self, params: Tensor) -> Categorical:
        """Return the mean of the probabilities."""
        log_p = params.log_softmax(-1).logsumexp(0)
        return Categorical(logits=log_p, validate_args=False)


@final
class RealResponse(Response, StartsFromField):
    """A real number with normal noise, whose σ is learned.

    Net and noise are in units of the training data's deviation s about their mean m; y and its
    density are in its own.

    Args:
        varying: Whether the net gives log σ of each example besides the mean; one σ otherwise.
    """

    field = "target"
    support = constraints.real
    shift: Tensor
    scale: Tensor

    def __init__(self, *, varying: bool = False) -> None:
        super().__init__((), (2 if varying else 1,))
        self.varying = varying
        self.log_noise = None if varying else nn.Parameter(torch.tensor(log(START_NOISE)))
        self.register_buffer("shift", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def start_from(self, values: Tensor, mask: Tensor | None = None) -> None:
        """Take mean and deviation of the training data, ``(N,)``, as origin and unit."""
        values = values.double()
        self.shift = values.mean().to(self.shift)
        self.scale = values.std(correction=0).clamp_min(1e-12).to(self.scale)

    def forward(self, params: Tensor) -> LogScaleNormal:
        """Map ``(*lead, 1)``, or ``(*lead, 2)``, to a distribution of batch shape ``lead``."""
        loc = self.shift + self.scale * params[..., 0]
        raw = params[..., 1] + log(START_NOISE) if self.log_noise is None else self.log_noise
        return LogScaleNormal(loc, soft_bound(raw, *LOG_SCALE_BOUNDS) + self.scale.log())

    def mixed(self, params: Tensor) -> MixtureSameFamily:
        """Return the mixture of the K normal distributions."""
        parts = self(params.movedim(0, -2))
        even = torch.zeros_like(parts.loc)
        return MixtureSameFamily(
            Categorical(logits=even, validate_args=False), parts, validate_args=False
        )
