"""Whether a fit that is gone on with has the arguments that it had before."""

__all__ = ["ARGUMENTS", "arguments_of", "check_same_fit", "protocol_of_fit"]

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from vae.cli.resuming import other_weight, shapes_of
from vae.data.identity import hashed
from vae.inference.log_joint import LogJoint
from vae.inference.target import RowsTarget, Target
from vae.objectives import Objective
from vae.training import LearningRate, VAEModule

DEPTH = 3  # of parts within parts, such as the optimizer's settings or a bound's estimator
PLAIN = (bool, int, float, str, tuple, list, type(None))
ARGUMENTS = "fit"  # where they stand in a checkpoint


def arguments_of(module: VAEModule, *, lr: float, batch_size: int | None) -> dict[str, Any]:
    """Return what the numbers of a fit depend on as plain values, by the argument's name.

    Neither the functions' code is told, nor how many steps there are, nor where q starts.
    """
    model, bound = module.model, module.objective
    assert isinstance(model, LogJoint)
    states, target = model.states, model.target
    return {
        "latents": latents_of(target),
        "posterior": type(model.posterior).__name__,
        "dtype": str(next(model.posterior.parameters()).dtype),
        "num_samples": bound.num_samples(),
        "estimator": estimator_of(module),
        "objective": described(bound),
        "temperature": None if states is None else states.temperature,
        "lr": float(lr),
        "optimizer": described(module.make_optimizer),
        "schedule": described(module.scheduler),
        "batch_size": batch_size,
        "seed": module.seed,
        "data": {name: hashed(value) for name, value in data_of(target).items()},
    }


def estimator_of(module: VAEModule) -> str:
    """Return how gradients are estimated; not every bound has an estimator."""
    model = module.model
    assert isinstance(model, LogJoint)
    if model.states is not None:
        return model.states.way
    return described(getattr(module.objective, "estimator", None))


def protocol_of_fit(
    module: VAEModule, *, steps: int, lr: float, batch_size: int | None
) -> dict[str, Any]:
    """Return how a fit was made as plain values, by words for a reader."""
    model, schedule = module.model, module.scheduler
    assert isinstance(model, LogJoint)
    target = model.target
    rows = {"rows": target.num_examples} if isinstance(target, RowsTarget) else {}
    batch = {} if batch_size is None else {"rows in a step": batch_size}
    return {
        "steps": steps,
        "learning rate": float(lr),
        "schedule": None if schedule is None else described(schedule),
        "seed": module.seed,
        "objective": type(module.objective).__name__,
        "draws per step": module.objective.num_samples(),
        "estimator": estimator_of(module),
        **rows,
        **batch,
    }


def latents_of(target: Target) -> dict[str, str]:
    """Return support and shape of each latent, in order."""
    space = target.space
    told = {name: f"{space.supports[name]} {space.shapes[name]}" for name in space.names}
    return told | {name: str(one) for name, one in target.discrete.items()}


def data_of(target: Target) -> Mapping[str, Any]:
    """Return the data that a target was given as such."""
    return target.data if isinstance(target, RowsTarget) else {}


def described(part: Any, depth: int = DEPTH) -> str:
    """Return class and settings of a part; of a function only that it is one.

    Example:
        >>> from vae.objectives import ELBO
        >>> described(ELBO(num_samples=5))
        'ELBO(beta=1.0, estimator=Pathwise(), is_elbo=True, samples=5)'
    """
    if isinstance(part, PLAIN):
        return repr(part)
    if isinstance(part, partial):
        name, settings = described(part.func, depth), part.keywords
    elif isinstance(part, type):
        name, settings = part.__name__, {}
    elif isinstance(part, Objective | LearningRate) or not callable(part):
        name, settings = type(part).__name__, getattr(part, "__dict__", {}) if depth > 0 else {}
    else:
        return "a function"
    shown = sorted(k for k in settings if k != "training" and not k.startswith("_"))
    told = ", ".join(f"{key}={described(settings[key], depth - 1)}" for key in shown)
    return f"{name}({told})" if told or not isinstance(part, type) else name


def check_same_fit(
    path: Path, checkpoint: Mapping[str, Any], arguments: Mapping[str, Any], module: nn.Module
) -> None:
    """Refuse to go on with a fit under arguments that would make it another one.

    Args:
        path: Of the checkpoint.
        checkpoint: What `read_checkpoint` gave; one from before arguments were kept says nothing.
        arguments: Of now; see `arguments_of`.
        module: What its weights are to be loaded into.

    Raises:
        ValueError: Naming the argument, and what it was and is.
    """
    advice = "a fit that is gone on with keeps that: for another take another folder="
    then = checkpoint.get(ARGUMENTS, {})
    for name, ours in arguments.items():
        theirs = then.get(name, ours)
        if theirs == ours:
            continue
        if name == "data":
            changed = [k for k in {**theirs, **ours} if theirs.get(k) != ours.get(k)]
            raise ValueError(f"{path} was fitted to other data in {', '.join(changed)}: {advice}")
        raise ValueError(f"{path} was fitted with {name}={theirs}, this is {name}={ours}: {advice}")
    ours, theirs = shapes_of(module.state_dict()), shapes_of(checkpoint["state_dict"])
    if told := other_weight(theirs, ours):
        raise ValueError(f"{path} {told}: {advice}")
