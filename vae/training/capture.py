"""A whole training step as a CUDA graph: one launch in place of some hundred."""

__all__ = ["CapturedStep"]

from collections.abc import Callable, Hashable
from functools import reduce
from typing import Any, NamedTuple, final

import torch
from torch import Generator, Tensor

from vae.data import Draft
from vae.objectives import Progress
from vae.training.guard import drop_if_bad, excess
from vae.training.scheduled_weights import ScheduledWeights
from vae.training.step import EagerStep, Step, StepResult
from vae.training.update import gradient_norm

Replay = Callable[[], None]
Record = Callable[[Callable[[], Tensor], Generator], tuple[Replay, Tensor]]
WARM_UP = 3  # steps taken one operation at a time first: libraries and optimizers set themselves up


def cuda_graph(function: Callable[[], Tensor], noise: Generator) -> tuple[Replay, Tensor]:
    """Record what a function launches; return how to launch it again, and what it then fills.

    Noise comes from torch's own generator of the device and from the one that is given, both as
    they are set before each launch.

    Raises:
        ValueError: If it waits for the device, or computes on the processor.
    """
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(noise)
    torch.cuda.synchronize()
    try:
        with torch.cuda.graph(graph):
            result = function()
    except RuntimeError as error:
        message = str(error).splitlines()[0]
        raise ValueError(
            f"a step of these parts is no CUDA graph ({message}): use cuda_graph=false"
        ) from error
    return graph.replay, result


class Recorded(NamedTuple):
    """A recorded step: what it is given, how to launch it, and what it fills."""

    given: dict[str, Tensor]  # the indices of a batch, or its fields
    replay: Replay
    result: Tensor  # (F + 2,): figures, whether the step was dropped, and the gradient's norm
    names: tuple[str, ...]  # of the figures


@final
class CapturedStep(Step):
    """Replays a training step on batches of a shape that it has met before.

    Reading and preprocessing of examples that lie on the device, loss, gradients, the watch over
    them, clipping and the fused optimizers are recorded once for each shape of a batch and number
    of samples; learning rates, scheduled weights and the number of the step are tensors that change
    between replays. Noise follows the seeds that are set before each of them.

    Args:
        eager: The step, which is taken as it is a few times first.
        weights: The scheduled weights of its objective.
        record: How a function is recorded.

    Raises:
        ValueError: If its steps cannot be recorded, naming what to use instead.
    """

    def __init__(
        self, eager: EagerStep, weights: ScheduledWeights, *, record: Record = cuda_graph
    ) -> None:
        check_capturable(eager)
        self.eager = eager
        self.weights = weights
        self.record = record
        self.count = 0
        self.recorded: dict[tuple[Hashable, ...], Recorded] = {}
        device = eager.update.strategy.root_device
        self.step_number = torch.zeros((), dtype=torch.int64, device=device)
        for optimizer in eager.update.optimizers:
            for group in optimizer.param_groups:
                group["capturable"] = True
                group["lr"] = torch.as_tensor(group["lr"], device=device)

    def __call__(
        self, draft: Draft, step: int, *, updates: bool = True, wants_norm: bool = False
    ) -> StepResult:
        """Take a step on a batch, recorded by now or first of all."""
        self.count += 1
        if self.count <= WARM_UP:
            return self.eager(draft, step, updates=updates, wants_norm=wants_norm)
        given = draft.given()
        recorded = self.find(draft, given, step)
        for name, value in given.items():
            recorded.given[name].copy_(value)
        draft.loader.seed_noise(*draft.key)
        recorded.replay()
        *values, dropped, norm = recorded.result.clone().unbind()
        return StepResult(dict(zip(recorded.names, values, strict=True)), norm, None, dropped)

    def find(self, draft: Draft, given: dict[str, Tensor], step: int) -> Recorded:
        """Return the step for batches like this one, set to where training stands."""
        at = self.weights.at(step)
        self.step_number.fill_(step)
        shapes = tuple((name, *value.shape) for name, value in given.items())
        num_samples = self.eager.objective.num_samples(at)
        key = (draft.loader, draft.resident, shapes, num_samples)
        if key not in self.recorded:
            # A number would stay what it is now; in a place of a tensor, what needs one is refused.
            number: Any = self.step_number
            at = Progress(number, at.num_examples, at.values)
            self.recorded[key] = self.make(draft, given, at)
        return self.recorded[key]

    def make(self, draft: Draft, given: dict[str, Tensor], at: Progress) -> Recorded:
        """Record the step for batches like this one."""
        eager, update, loader = self.eager, self.eager.update, draft.loader
        given = {name: value.clone() for name, value in given.items()}
        names: list[str] = []

        def whole_step() -> Tensor:
            batch = loader.gather(given["indices"]) if draft.resident else given
            terms, figures = eager.compute(eager.model, eager.objective, batch, at)
            names[:] = figures
            loss = reduce(torch.add, terms.values())
            loss.backward()
            norms = [gradient_norm(optimizer) for optimizer in update.optimizers]
            looked_at = [*norms, *excess(norms[0], eager.greatest_norm)]
            dropped = drop_if_bad(reduce(torch.add, looked_at, loss.detach()), update.optimizers)
            update()
            means = [f.detach().mean() if f.dim() else f.detach() for f in figures.values()]
            return torch.stack([*means, dropped, norms[0]])

        replay, result = self.record(whole_step, loader.noise.generator)
        return Recorded(given, replay, result, tuple(names))


def check_capturable(eager: EagerStep) -> None:
    """Refuse steps that are more than one graph.

    Raises:
        ValueError: Naming what to use instead.
    """
    if not (eager.update.steps_directly and eager.accumulate == 1):
        raise ValueError("cuda_graph needs one GPU, no scaled loss (16-mixed) and accumulate=1")
    if not eager.watch:
        raise ValueError("cuda_graph needs skip_limit, which costs nothing there")
    for optimizer in eager.update.optimizers:
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if not (fused and "capturable" in optimizer.defaults):
            raise ValueError("cuda_graph needs optimizer=adamw or adam with optimizer.fused=true")
