"""A whole training step as a CUDA graph: one launch in place of some hundred."""

__all__ = ["Captured"]

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae.objectives import Objective
from vae.objectives.schedule import Schedule
from vae.training.descent import gradient_norm
from vae.training.guard import drop_if_bad, total

if TYPE_CHECKING:
    from vae.training.module import VAEModule

Replay = Callable[[], None]
Result = tuple[Tensor, ...]  # figures (F,), whether the step was dropped, and the gradient's norm
WARM_UP = 3  # steps taken one operation at a time first: libraries and optimizers set themselves up


def cuda_graph(function: Callable[[], Result]) -> tuple[Replay, Result]:
    """Record what a function launches; return how to launch it again, and what it then fills."""
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        result = function()
    return graph.replay, result


class Recorded(NamedTuple):
    """A recorded step: its input, how to launch it, and what it fills."""

    x: Tensor
    replay: Replay
    result: Result
    names: tuple[str, ...]


class Held(Schedule):
    """A schedule whose value is a tensor, so that a recorded step sees it change.

    Args:
        schedule: The value by optimizer step.
        device: Where the step runs.
    """

    def __init__(self, schedule: Schedule, device: torch.device) -> None:
        self.schedule = schedule
        self.value = torch.zeros((), device=device)

    def move(self, step: int) -> None:
        """Set the value to that at a step."""
        self.value.fill_(self.schedule(step))

    def __call__(self, step: int) -> Tensor:  # type: ignore[override]
        """Return the value at a step as a tensor; while it is recorded, what it is set to then."""
        if not (self.value.is_cuda and torch.cuda.is_current_stream_capturing()):
            self.move(step)
        return self.value


class Captured:
    """Replays the training step of a module on batches of a shape that it has met before.

    Loss, gradients, the watch over them, clipping and the fused optimizers are recorded once for
    each shape of a batch and number of samples; learning rates and scheduled weights are tensors
    that change between replays. Noise follows the seed that is set before each of them.

    Args:
        module: Attached to its Trainer, with its `Descent`.
        record: How a function is recorded.

    Raises:
        ValueError: If its steps cannot be recorded, naming what to use instead.
    """

    def __init__(
        self,
        module: "VAEModule",
        record: Callable[[Callable[[], Result]], tuple[Replay, Result]] = cuda_graph,
    ) -> None:
        check_capturable(module)
        self.module = module
        self.record = record
        self.steps = 0
        self.recorded: dict[tuple[int, ...], Recorded] = {}
        self.held = list(hold_schedules(module.objective, module.device))
        for optimizer in module.descent.optimizers:
            for group in optimizer.param_groups:
                group["capturable"] = True
                group["lr"] = torch.as_tensor(group["lr"], device=module.device)

    def take(self, x: Tensor, step: int) -> bool:
        """Take a step on a batch if it may be replayed by now; say whether it was taken."""
        for held in self.held:
            held.move(step)
        self.steps += 1
        if self.steps <= WARM_UP:
            return False
        key = (*x.shape, self.module.objective.num_samples)
        if key not in self.recorded:
            self.recorded[key] = self.make(x)
        recorded, module = self.recorded[key], self.module
        recorded.x.copy_(x)
        recorded.replay()
        figures, dropped, norm = (part.clone() for part in recorded.result)
        module.train_meter.update(dict(zip(recorded.names, figures.unbind(), strict=True)), len(x))
        module.descent.replayed(step, dropped, norm)
        return True

    def make(self, x: Tensor) -> Recorded:
        """Record the step for batches of this shape."""
        module, x = self.module, x.clone()
        names: list[str] = []
        optimizers = module.descent.optimizers

        def whole() -> Result:
            terms, figures = module.measured(module.model, module.objective, x)
            names[:] = figures
            loss = reduce(torch.add, terms.values())
            loss.backward()
            grads = [p.grad for p in module.parameters() if p.grad is not None]
            dropped = drop_if_bad(total([loss.detach(), *grads]), optimizers)
            norm = gradient_norm(optimizers[0])
            for optimizer in optimizers:
                module.descent.update(optimizer)
            means = torch.stack([figure.detach().mean() for figure in figures.values()])
            return means, dropped, norm

        replay, result = self.record(whole)
        return Recorded(x, replay, result, tuple(names))


def check_capturable(module: "VAEModule") -> None:
    """Refuse a module whose steps are more than one graph.

    Raises:
        ValueError: Naming what to use instead.
    """
    descent = module.descent
    if not (descent.plain and module.accumulate == 1):
        raise ValueError("cuda_graph needs one GPU, trainer.precision=32-true and accumulate=1")
    if module.guard is None:
        raise ValueError("cuda_graph needs skip_limit, which costs nothing there")
    for optimizer in descent.optimizers:
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if not (fused and "capturable" in optimizer.defaults):
            raise ValueError("cuda_graph needs optimizer=adamw or adam with optimizer.fused=true")


def hold_schedules(objective: Objective, device: torch.device) -> list[Held]:
    """Let every scheduled weight of an objective be a tensor; return them."""
    found = []
    for part in objective.modules():
        places = [vars(part), *(v for v in vars(part).values() if isinstance(v, dict))]
        for place in places:
            for name, value in place.items():
                if isinstance(value, Schedule) and name != "samples":  # a recording for each K
                    place[name] = Held(value, device)
                    found.append(place[name])
    return found
