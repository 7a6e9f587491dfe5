"""From the gradients to a step of the optimizers: scaled, clipped, and watched."""

__all__ = ["Descent", "parameters_of"]

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from vae.training.fused import FusedAdam
from vae.training.guard import drop_if_bad, telling, total
from vae.training.parallel import whole
from vae.training.reading import Reading

if TYPE_CHECKING:
    from vae.training.module import VAEModule


class Descent:
    """Steps the optimizers of a module that is being trained.

    On one device, without a scaled loss, Lightning's way through strategy, precision plugin and
    hooks ends in the same two calls, 0.2 ms later: there steps go to torch directly.

    Where the watch over losses and gradients would make the processor wait for an accelerator, a
    fused optimizer drops the bad step on the device, and `review` looks back at a whole group of
    steps at once, when the next one has been launched.

    Args:
        module: What is trained; it is attached to its Trainer.
    """

    def __init__(self, module: "VAEModule") -> None:
        self.module = module
        self.trainer = module.trainer
        strategy = self.trainer.strategy
        precision = strategy.precision_plugin
        # Lightning counts steps by the calls around the first one's: the model's steps alone.
        self.ours, *self.adversaries = strategy._lightning_optimizers
        self.optimizers = [o.optimizer for o in strategy._lightning_optimizers]
        # Of half precision, where several optimizers share one scale of the loss.
        self.scaler = precision.scaler if isinstance(precision, MixedPrecision) else None
        direct = self.scaler is None and type(precision) in (Precision, MixedPrecision)
        self.plain = isinstance(strategy, SingleDeviceStrategy) and direct
        # Some optimizers multiply matrices, which a step in mixed precision is not to round.
        rounds = isinstance(precision, MixedPrecision)
        device = module.device.type
        self.whole_precision = (
            partial(torch.autocast, device, enabled=False) if rounds else nullcontext
        )
        self.alone = self.trainer.world_size == 1
        self.telling = list(telling(module))
        self.every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        skips = all(getattr(o, "_step_supports_amp_scaling", False) for o in self.optimizers)
        whole = self.scaler is None and module.accumulate == 1
        self.later = skips and whole and module.device.type != "cpu"
        self.flags: list[Tensor] = []  # of this group, and the figures of its steps
        self.figures: list[Mapping[str, Tensor]] = []
        self.group: tuple[int, Reading, list[Mapping[str, Tensor]]] | None = None  # the one before
        self.steps = {
            o: FusedAdam(o).step if FusedAdam.suits(o) else o.step for o in self.optimizers
        }

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of the loss to the parameters'."""
        if self.plain:
            loss.backward()
        else:
            self.module.manual_backward(loss)

    def step(self, step: int, loss: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Step every optimizer with the gradients at hand, if they are finite, and clear them."""
        if self.scaler is not None:
            for scaled in self.optimizers:
                self.scaler.unscale_(scaled)
        sound = self.module.guard is None or self.watch(step, loss, terms)
        if (step + 1) % self.every == 0:
            self.module.logging_due = True
            if sound:
                norm = gradient_norm(self.ours.optimizer)
                self.module.gradient_norm = norm if self.later else float(norm)
        with self.whole_precision():
            for optimizer in self.adversaries:
                self.update(optimizer.optimizer)
            self.ours._on_before_step()
            self.update(self.ours.optimizer)
            self.ours._on_after_step()
        if self.scaler is not None:
            self.scaler.update()

    def watch(self, step: int, loss: Tensor, terms: Mapping[str, Tensor]) -> bool:
        """Say whether loss and gradients are finite, as far as is known; skip the step if not."""
        # Each process has a loss of its own, but all have the same gradients.
        values = [loss.detach()] if self.alone else []
        if self.scaler is None:  # which sees to infinite gradients itself
            values += whole([p.grad for p in self.telling if p.grad is not None])
        if not values:
            return True
        if self.later:
            self.note(drop_if_bad(total(values), self.optimizers))
            return True
        assert self.module.guard is not None
        sound = self.module.guard.passes(values)
        if not sound:
            self.skip(step, terms)
        return sound

    def skip(self, step: int, terms: Mapping[str, Tensor]) -> None:
        """Drop the gradients and the figures of a step that would spoil the weights."""
        assert self.module.guard is not None
        gradients = {f"the gradient of {k}": p.grad for k, p in self.module.named_parameters()}
        values = {f"objective/{k}": term for k, term in terms.items()} | gradients
        self.module.zero_grad()
        self.module.train_meter.forget(-self.module.accumulate, self.module.accumulate)
        self.module.guard.skip(step, {k: value for k, value in values.items() if value is not None})

    def replayed(self, step: int, dropped: Tensor, norm: Tensor) -> None:
        """Count a step that was replayed as a whole."""
        self.note(dropped)
        if (step + 1) % self.every == 0:
            self.module.logging_due = True
            self.module.gradient_norm = norm
        self.ours._on_before_step()
        self.ours._on_after_step()

    def note(self, dropped: Tensor) -> None:
        """Keep for later whether the device dropped a step, and its figures."""
        self.flags.append(dropped)
        self.figures.append(self.module.train_meter.drop(dropped))

    def review(self, first: int) -> None:
        """Look back at the group before this one, which began with the step `first`."""
        self.look_back()
        if self.flags:
            self.group = first, Reading(torch.stack(self.flags)), self.figures
            self.flags, self.figures = [], []

    def look_back(self) -> None:
        """Count the steps that the device dropped in the last group reviewed.

        Raises:
            NonFiniteError: If they are too many.
        """
        if self.group is None:
            return
        (first, dropped, figures), self.group = self.group, None
        guard = self.module.guard
        assert guard is not None
        for step, (bad, values) in enumerate(zip(dropped.tolist(), figures, strict=True), first):
            if bad:
                guard.skip(step, {k: v for k, v in values.items() if k.startswith("objective/")})
            else:
                guard.in_row = 0

    def update(self, optimizer: Optimizer) -> None:
        """Clip the gradients of an optimizer's parameters, take its step and clear them."""
        if self.module.gradient_clip is not None:
            # Lightning's way to it refuses fused optimizers in mixed precision, as if their
            # gradients were still scaled.
            clip_grad_norm_(parameters_of(optimizer), self.module.gradient_clip)
        if self.plain:
            self.steps[optimizer]()
        elif self.scaler is not None:
            self.scaler.step(optimizer)
        else:
            self.trainer.strategy.optimizer_step(optimizer, lambda: None)
        for parameter in parameters_of(optimizer):
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
