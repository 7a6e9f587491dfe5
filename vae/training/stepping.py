"""How a module takes its steps: as they are, compiled, or recorded."""

__all__ = ["make_step"]

from functools import partial
from typing import Any

from vae.objectives import Progress
from vae.training.capture import CapturedStep
from vae.training.scheduled_weights import ScheduledWeights
from vae.training.step import EagerStep, Step, compiled, terms_and_figures
from vae.training.update import Update


def make_step(module: Any) -> Step:
    """Return what takes the steps of a `VAEModule` that a Trainer is about to train."""
    weights = ScheduledWeights(module.objective, module.num_examples, module.device)
    numbers = partial(Progress, num_examples=module.num_examples)
    eager = EagerStep(
        module.model,
        module.objective,
        Update(module.trainer.strategy, clip=module.gradient_clip),
        at=weights.at if module.cuda_graph or module.compiled else numbers,
        compute=compiled(module.model) if module.compiled else terms_and_figures,
        accumulate=module.accumulate,
        watch=module.guard.limit is not None,
        greatest_norm=module.guard.greatest_norm,
        single_process=module.trainer.world_size == 1,
    )
    return CapturedStep(eager, weights) if module.cuda_graph else eager
