"""A normal distribution carried through steps whose parameters are themselves functions of x."""

__all__ = ["AmortizedFlow", "FlowStep", "amortized_flow"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, diagonal_normal, soft_bound


class FlowStep(ABC):
    """An invertible map of R^D to itself, one for each example.

    Args:
        params: The tensors that it is made of, of which the last dimensions are its own.
    """

    def __init__(self, *params: Tensor) -> None:
        self.params = params

    @abstractmethod
    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image ``(*lead, D)`` and the log-determinant of the Jacobian, ``(*lead,)``."""

    @abstractmethod
    def inverse(self, y: Tensor) -> Tensor:
        """Return the point with this image, with its derivative by both image and parameters."""

    def detach(self) -> "FlowStep":
        """Return the same step of parameters without gradients."""
        return type(self)(*(each.detach() for each in self.params))


class AmortizedFlow(Distribution):
    """The distribution of ``step_T(… step_1(z_0))``, with z_0 from a base distribution.

    Args:
        steps: At least one.
        base: The distribution of z_0, over vectors.
    """

    has_rsample = True
    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, steps: Sequence[FlowStep], base: Distribution) -> None:
        self.steps, self.base = tuple(steps), base
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "AmortizedFlow":
        """Return the same distribution with another, broadcast batch shape."""
        return AmortizedFlow(self.steps, self.base.expand(torch.Size(batch_shape)))

    def detach(self) -> "AmortizedFlow":
        """Return the same of steps without gradients; the base keeps its own."""
        return AmortizedFlow([step.detach() for step in self.steps], self.base)

    def forward(self, z: Tensor) -> Tensor:
        """Return the image of a point z_0 under all steps, ``(*lead, D)``."""
        for step in self.steps:
            z, _ = step.call_and_ladj(z)
        return z

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def rsample_and_log_prob(self, sample_shape: _size = ()) -> tuple[Tensor, Tensor]:
        """Return a draw ``(*sample_shape, *batch, D)`` and its log-density, in one pass."""
        z = self.base.rsample(torch.Size(sample_shape))
        log_q = self.base.log_prob(z)
        for step in self.steps:
            z, ladj = step.call_and_ladj(z)
            log_q = log_q - ladj
        return z, log_q

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of ``(*lead, *batch, D)``, for which the steps are inverted."""
        total: Tensor | float = 0.0
        for step in reversed(self.steps):
            value = step.inverse(value)
            total = total + step.call_and_ladj(value)[1]
        return self.base.log_prob(value) - total


def amortized_flow(
    params: Tensor, dim: int, num_steps: int, make_step: Callable[[Tensor], FlowStep]
) -> Distribution:
    """Return the flow of ``(*lead, 2D + T·P)`` parameters: μ, log σ, and P of each of T steps."""
    loc, log_scale, rest = params.split([dim, dim, params.shape[-1] - 2 * dim], -1)
    base = diagonal_normal(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS))
    return AmortizedFlow([make_step(each) for each in rest.chunk(num_steps, -1)], base)
