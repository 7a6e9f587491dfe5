"""Langevin dynamics as a loop over steps, for all chains at once."""

__all__ = ["Plan", "walked"]

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from vae.argument_checks import unchecked
from vae.checks import check_int
from vae.data.randomness import stream_seed
from vae.inference.target import RowsTarget, Target
from vae.mcmc.chain_checks import check_positive, check_scale, check_target
from vae.mcmc.curvature import gradient
from vae.mcmc.stability import gradient_noise, stable_step
from vae.mcmc.starts import starting_points

LogDensity = Callable[[Tensor], Tensor]  # (C, D) to (C,)
LOOKED = 100  # steps from one look at whether all is finite to the next
HALVINGS = 10  # of a step that was not chosen, where a chain meets more curvature than at its start


class RanOff(Exception):
    """Says that a chain left for infinity."""


class Plan(NamedTuple):
    """How chains walk; see `vae.mcmc.sghmc`."""

    step_size: float | None
    friction: float
    num_samples: int
    warmup_steps: int
    thin: int
    batch_size: int | None
    scale: Tensor | None
    seed: int


def walked(
    target: Target, start: Tensor | Distribution, num_chains: int | None, plan: Plan
) -> Tensor:
    """Return the draws ``(C, S, D)`` of all chains."""
    check_plan(target, plan)
    u = starting_points(start, num_chains, target.space.dim, seed=plan.seed)
    noise = Generator(u.device).manual_seed(stream_seed(plan.seed, 1))
    scale = torch.ones_like(u[0]) if plan.scale is None else plan.scale.detach().to(u)
    density = (
        target.log_density if plan.batch_size is None else batched(target, plan.batch_size, noise)
    )

    def scaled(w: Tensor) -> Tensor:
        return density(w * scale)

    with unchecked():
        w = u / scale
        variance = 0.0 if plan.batch_size is None else gradient_noise(scaled, w)
        size = stable_step(scaled, w, plan.step_size, plan.friction, variance, seed=plan.seed)
        halvings = HALVINGS if plan.step_size is None else 0
        while True:
            try:
                return walk(scaled, w, size, plan, noise) * scale
            except RanOff as error:
                if halvings == 0:
                    raise ValueError(str(error)) from None
            halvings, size = halvings - 1, size / 2


def check_plan(target: Target, plan: Plan) -> None:
    """Refuse to walk over what is no density of reals, or by what is no number.

    Raises:
        ValueError: Naming it.
    """
    check_target(target)
    for name, value, low in (
        ("num_samples", plan.num_samples, 1),
        ("thin", plan.thin, 1),
        ("warmup_steps", plan.warmup_steps, 0),
        ("seed", plan.seed, 0),
    ):
        check_int(name, value, low=low)
    check_int("batch_size", plan.batch_size, optional=True)
    if plan.step_size is not None:
        check_positive("step_size", plan.step_size)
    check_scale(plan.scale, target.space.dim)


def batched(target: Target, count: int, noise: Generator) -> LogDensity:
    """Return the log-density as rows tell it that are drawn anew in each call, for each chain.

    Raises:
        ValueError: If the target has no rows.
    """
    if not isinstance(target, RowsTarget):
        raise ValueError(
            f"batch_size={count} needs a log-joint with rows, that of Target.of_data; this one is "
            "a whole: leave batch_size out"
        )
    if not 1 <= count <= target.num_examples:
        raise ValueError(f"batch_size must be from 1 to {target.num_examples}; got {count}")
    data, total = target.data, target.num_examples

    def density(u: Tensor) -> Tensor:
        rows = torch.randint(total, (len(u), count), generator=noise, device=u.device)
        batches = {name: value[rows] for name, value in data.items()}
        return torch.vmap(target.estimate)(u, batches)

    return density


def walk(
    log_density: LogDensity, w: Tensor, step_size: float, plan: Plan, noise: Generator
) -> Tensor:
    """Return the points that are kept, ``(C, S, D)``.

    Raises:
        RanOff: If a chain does.
    """
    keep, spread = 1 - plan.friction, sqrt(2 * plan.friction * step_size)
    kept = w.new_empty(len(w), plan.num_samples, w.shape[1])
    velocity, kick = torch.zeros_like(w), torch.empty_like(w)
    total = plan.warmup_steps + plan.num_samples * plan.thin
    for step in range(total):
        kick.normal_(generator=noise)
        velocity = keep * velocity + step_size * gradient(log_density, w) + spread * kick
        w = w + velocity
        behind, at = divmod(step - plan.warmup_steps, plan.thin)
        if behind >= 0 and at == plan.thin - 1:
            kept[:, behind] = w
        if (step % LOOKED == LOOKED - 1 or step == total - 1) and not w.isfinite().all():
            raise RanOff(
                f"a chain ran off within {step + 1} steps: the curvature grows on its way. Use a "
                f"step_size below {step_size:.2g}, scale=fit.q.stddev, or nuts"
            )
    return kept
