"""Adam's step without torch's way to it."""

__all__ = ["FusedAdam"]

from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer


class FusedAdam:
    """Steps a fused Adam or AdamW of one group by its kernel.

    The operators are those that torch calls, with the same arguments; hooks, profiling and the
    sorting of tensors by device and type, a third of a small net's update, are left out. The
    optimizer keeps its state, and takes the step itself where that is not yet there or a gradient
    is missing.

    Args:
        optimizer: One for which `suits` holds.
    """

    count: Tensor  # of steps, all parameters' in one; there when the state is gathered

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        (self.group,) = optimizer.param_groups
        decoupled = self.group["decoupled_weight_decay"]
        self.kernel: Any = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self.parameters: list[Tensor] = self.group["params"]
        self.state: list[list[Tensor]] = []  # the mean, that of the squares, and the steps

    @staticmethod
    def suits(optimizer: Optimizer) -> bool:
        """Say whether this is the step of an optimizer."""
        if type(optimizer) not in (Adam, AdamW) or len(optimizer.param_groups) > 1:
            return False
        group = optimizer.param_groups[0]
        alike = len({(p.device, p.dtype) for p in group["params"]}) == 1
        return bool(group["fused"]) and not group["amsgrad"] and alike

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters by their gradients."""
        grads = [p.grad for p in self.parameters]
        missing = [grad for grad in grads if grad is None]
        if not self.state or missing:
            self.optimizer.step()
            self.state = self.gather()
            return
        means, squares, steps = self.state
        dropped = getattr(self.optimizer, "found_inf", None)
        beta1, beta2 = self.group["betas"]
        self.count += 1
        self.kernel(
            self.parameters,
            grads,
            means,
            squares,
            [],
            steps,
            amsgrad=False,
            lr=self.group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=self.group["weight_decay"],
            eps=self.group["eps"],
            maximize=self.group["maximize"],
            grad_scale=None,
            found_inf=dropped,
        )
        if dropped is not None:
            self.count -= dropped

    def gather(self) -> list[list[Tensor]]:
        """Return the optimizer's state as lists of tensors, or nothing where some is missing.

        The counts of steps become views of one tensor, so that they rise by one operation.
        """
        states = [self.optimizer.state.get(p, {}) for p in self.parameters]
        if not all(states):
            return []
        self.count = torch.stack([state["step"] for state in states])
        for state, count in zip(states, self.count, strict=True):
            state["step"] = count
        return [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")]
