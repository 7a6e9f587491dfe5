"""How long a step of Langevin dynamics may be, and how much wider it makes the draws."""

__all__ = ["gradient_noise", "stable_step"]

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from vae.mcmc.curvature import gradient, largest_curvature

LogDensity = Callable[[Tensor], Tensor]  # (C, D) to (C,)
WIDER = 0.05  # part by which the default step makes variances too wide, at the most
TOLD = 0.2  # part from which on a chosen step's is told
REPEATS = 20


def gradient_noise(log_density: LogDensity, u: Tensor) -> float:
    """Return the largest variance, over the coordinates, of gradients of mini-batches at u."""
    found = torch.stack([gradient(log_density, u) for _ in range(REPEATS)])
    return found.var(0).mean(0).max().item()


def stable_step(
    log_density: LogDensity,
    u: Tensor,
    step_size: float | None,
    friction: float,
    noise: float = 0.0,
    *,
    seed: int = 0,
) -> float:
    r"""Return a step size ε at which chains from u on do not run off.

    The variance of the draws is too wide by the parts :math:`ελ / (4 - 2α)`, of steps that are
    never rejected, and :math:`εV / 2α`, of the mini-batches' own noise; λ is the largest
    curvature at u. By default ε is such that both make 5 %.

    Args:
        log_density: u ``(C, D)`` to ``(C,)``.
        u: Where the chains start.
        step_size: ε as it was chosen; ``None`` means that it was not.
        friction: α.
        noise: V, the variance of the gradients.
        seed: Of the search for the largest curvature.

    Raises:
        ValueError: If ε is not below (4 − 2α) / λ, or none can be told.

    Warns:
        UserWarning: If the mini-batches make the variance more than a fifth too wide.
    """
    if step_size is not None and not step_size > 0:
        raise ValueError(f"step_size must be above 0; got {step_size}")
    curvature = largest_curvature(log_density, u, seed=seed).max().item()
    if curvature != curvature:
        raise ValueError("the log-density has no finite curvature where the chains start")
    steps, batches = max(curvature, 0) / (4 - 2 * friction), noise / (2 * friction)
    if step_size is None:
        if curvature <= 0:
            raise ValueError(
                "where the chains start the log-density is nowhere curved down, so that no step "
                "can be told from it: give step_size, or start elsewhere"
            )
        return WIDER / (steps + batches)
    if step_size * steps >= 1:
        raise ValueError(
            f"with step_size={step_size:g} and friction={friction:g} the chains run off: where "
            f"they start the curvature is {curvature:.3g}, which allows steps below "
            f"{1 / steps:.2g}. Leave step_size out to have it chosen, or give "
            "scale=fit.q.stddev where the coordinates differ in scale"
        )
    if step_size * batches > TOLD:
        warnings.warn(
            f"at step_size={step_size:g} the noise of the mini-batches makes the posterior's "
            f"variance up to {step_size * batches:.0%} too wide: use a step_size of "
            f"{WIDER / (steps + batches):.2g}, a larger batch_size, or more friction",
            stacklevel=2,
        )
    return step_size
