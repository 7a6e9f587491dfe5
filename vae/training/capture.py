"""A whole training step as a CUDA graph: one launch in place of some hundred."""

__all__ = ["Captured"]

from collections.abc import Callable, Hashable
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from vae.data import Draft
from vae.objectives import Progress
from vae.training.descent import gradient_norm
from vae.training.guard import drop_if_bad

if TYPE_CHECKING:
    from vae.training.module import VAEModule

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
        told = str(error).splitlines()[0]
        raise ValueError(
            f"a step of these parts is no CUDA graph ({told}): use cuda_graph=false"
        ) from error
    return graph.replay, result


class Recorded(NamedTuple):
    """A recorded step: what it is given, how to launch it, and what it fills."""

    given: Tensor  # the indices of a batch, or the batch
    replay: Replay
    result: Tensor  # (F + 2,): figures, whether the step was dropped, and the gradient's norm
    names: tuple[str, ...]  # of the figures


class Captured:
    """Replays the training step of a module on batches of a shape that it has met before.

    Reading and preprocessing of examples that lie on the device, loss, gradients, the watch over
    them, clipping and the fused optimizers are recorded once for each shape of a batch and number
    of samples; learning rates and scheduled weights are tensors that change between replays. Noise
    follows the seeds that are set before each of them.

    Args:
        module: Attached to its Trainer, with its `Descent`.
        record: How a function is recorded.

    Raises:
        ValueError: If its steps cannot be recorded, naming what to use instead.
    """

    def __init__(self, module: "VAEModule", record: Record = cuda_graph) -> None:
        check_capturable(module)
        self.module = module
        self.record = record
        self.steps = 0
        self.recorded: dict[tuple[Hashable, ...], Recorded] = {}
        for optimizer in module.descent.optimizers:
            for group in optimizer.param_groups:
                group["capturable"] = True
                group["lr"] = torch.as_tensor(group["lr"], device=module.device)

    def take(self, draft: Draft, step: int) -> bool:
        """Take a step on a batch if it may be replayed by now; say whether it was taken."""
        self.steps += 1
        if self.steps <= WARM_UP:
            return False
        module, loader = self.module, draft.loader
        at = module.progress(step)
        given = draft.indices if draft.resident else draft.make()["x"]
        key = (loader, draft.resident, *given.shape, module.objective.num_samples(at))
        if key not in self.recorded:
            self.recorded[key] = self.make(draft, given, at)
        recorded = self.recorded[key]
        recorded.given.copy_(given)
        loader.seed_noise(*draft.key)
        recorded.replay()
        *values, dropped, norm = recorded.result.clone().unbind()
        figures = dict(zip(recorded.names, values, strict=True))
        module.train_meter.update(figures, len(given))
        module.descent.replayed(step, dropped, norm)
        return True

    def make(self, draft: Draft, given: Tensor, at: Progress) -> Recorded:
        """Record the step for batches like this one."""
        module, loader, given = self.module, draft.loader, given.clone()
        names: list[str] = []
        optimizers = module.descent.optimizers

        def whole() -> Tensor:
            x = loader.values(given) if draft.resident else given
            terms, figures = module.measure(x, at)
            names[:] = figures
            loss = reduce(torch.add, terms.values())
            loss.backward()
            norms = [gradient_norm(optimizer) for optimizer in optimizers]
            dropped = drop_if_bad(reduce(torch.add, norms, loss.detach()), optimizers)
            for optimizer in optimizers:
                module.descent.update(optimizer)
            means = [f.detach().mean() if f.dim() else f.detach() for f in figures.values()]
            return torch.stack([*means, dropped, norms[0]])

        replay, result = self.record(whole, loader.noise.generator)
        return Recorded(given, replay, result, tuple(names))


def check_capturable(module: "VAEModule") -> None:
    """Refuse a module whose steps are more than one graph.

    Raises:
        ValueError: Naming what to use instead.
    """
    descent = module.descent
    if not (descent.plain and module.accumulate == 1):
        raise ValueError("cuda_graph needs one GPU, no scaled loss (16-mixed) and accumulate=1")
    if module.guard is None:
        raise ValueError("cuda_graph needs skip_limit, which costs nothing there")
    for optimizer in descent.optimizers:
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if not (fused and "capturable" in optimizer.defaults):
            raise ValueError("cuda_graph needs optimizer=adamw or adam with optimizer.fused=true")
