"""From the gradients to new weights: unscaled, clipped, a step of every optimizer."""

__all__ = ["Update", "gradient_norm", "make_optimizers"]

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial

import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.strategies import SingleDeviceStrategy, Strategy
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from vae.objectives import Objective
from vae.objectives.penalties import Adversary
from vae.training.fused import FusedAdam


class Update:
    """Steps every optimizer of a run with the gradients at hand, and clears these.

    On one device, without a scaled loss, Lightning's way through strategy, precision plugin and
    hooks ends in the same two calls, 0.2 ms later: there steps go to torch directly.

    Args:
        strategy: Lightning's, of a Trainer in training. The first optimizer is the model's, the
            others are those of adversaries.
        clip: Greatest norm of the gradient of each optimizer's parameters, above 0; ``None`` does
            not clip.

    Attributes:
        optimizers: All of them, the model's first.
        steps_directly: Whether strategy and precision plugin are passed by.
    """

    def __init__(self, strategy: Strategy, *, clip: float | None = None) -> None:
        self.strategy = strategy
        self.clip = clip
        self.optimizers = strategy.optimizers
        self.parameters = {o: list(parameters_of(o)) for o in self.optimizers}
        precision = strategy.precision_plugin
        # Of half precision, where several optimizers share one scale of the loss.
        self.scaler = precision.scaler if isinstance(precision, MixedPrecision) else None
        unscaled = self.scaler is None and type(precision) in (Precision, MixedPrecision)
        self.steps_directly = isinstance(strategy, SingleDeviceStrategy) and unscaled
        # Some optimizers multiply matrices, which a step in mixed precision is not to round.
        rounds = isinstance(precision, MixedPrecision)
        device = strategy.root_device.type
        self.full_precision = (
            partial(torch.autocast, device, enabled=False) if rounds else nullcontext
        )
        self.steps = {
            o: FusedAdam(o).step if FusedAdam.suits(o) else o.step for o in self.optimizers
        }

    @property
    def can_drop_on_device(self) -> bool:
        """Whether the optimizers can be told by the device to leave a step out."""
        fused = all(getattr(o, "_step_supports_amp_scaling", False) for o in self.optimizers)
        return fused and self.scaler is None and self.strategy.root_device.type != "cpu"

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of the loss to the parameters'."""
        if self.steps_directly:
            loss.backward()
        else:
            self.strategy.backward(loss, None)

    def unscale(self) -> None:
        """Take the scale of the loss out of the gradients, if there is one."""
        if self.scaler is not None:
            for optimizer in self.optimizers:
                self.scaler.unscale_(optimizer)

    def __call__(self) -> None:
        """Step every optimizer."""
        with self.full_precision():
            for optimizer in self.optimizers:
                self.step(optimizer)
        if self.scaler is not None:
            self.scaler.update()

    def step(self, optimizer: Optimizer) -> None:
        """Clip the gradients of an optimizer's parameters, take its step and clear them."""
        if self.clip is not None:
            # Lightning's way to it refuses fused optimizers in mixed precision, as if their
            # gradients were still scaled.
            clip_grad_norm_(self.parameters[optimizer], self.clip)
        if self.steps_directly:
            self.steps[optimizer]()
        elif self.scaler is not None:
            self.scaler.step(optimizer)
        else:
            self.strategy.optimizer_step(optimizer, lambda: None)
        for parameter in self.parameters[optimizer]:
            parameter.grad = None


def parameters_of(optimizer: Optimizer) -> Iterator[Tensor]:
    """Yield the parameters that an optimizer updates."""
    for group in optimizer.param_groups:
        yield from group["params"]


def gradient_norm(optimizer: Optimizer) -> Tensor:
    """Return the norm of the gradients of all parameters that an optimizer updates, a scalar."""
    grads = [p.grad for p in parameters_of(optimizer) if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(grads)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def make_optimizers(
    parameters: Iterable[nn.Parameter], objective: Objective, make: Callable[..., Optimizer]
) -> list[Optimizer]:
    """Return the optimizer of the model's parameters, then that of each adversary's.

    Args:
        parameters: All that are trained.
        objective: Whose adversaries have optimizers of their own.
        make: Makes the model's optimizer of its parameters.
    """
    adversaries = [part for part in objective.modules() if isinstance(part, Adversary)]
    apart = {id(parameter) for part in adversaries for parameter in part.parameters()}
    first = make([p for p in parameters if p.requires_grad and id(p) not in apart])
    return [first, *(part.make_optimizer(part.parameters()) for part in adversaries)]
