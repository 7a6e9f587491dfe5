"""Hamiltonian Monte Carlo by Pyro's kernels, over the same log-joint, started from a fit."""

__all__ = ["hmc", "nuts"]

from collections.abc import Callable, Mapping
from importlib import import_module
from math import pi
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.argument_checks import unchecked
from vae.checks import check_int
from vae.data.randomness import stream_seed
from vae.inference.markov_chains import Chains
from vae.inference.target import Target
from vae.mcmc.chain_checks import check_positive, check_target
from vae.mcmc.starts import starting_points

DRAWS = 1000  # of a fit, from which the shape of the posterior is taken
MOST_DENSE = 100  # coordinates up to which that has correlations

Potential = Callable[[Mapping[str, Tensor]], Tensor]


def nuts(
    target: Target,
    start: Tensor | Distribution,
    *,
    num_samples: int = 1000,
    warmup_steps: int = 500,
    num_chains: int | None = None,
    target_accept: float = 0.8,
    max_tree_depth: int = 10,
    seed: int = 0,
) -> Chains:
    """Draw by the No-U-Turn sampler of Pyro, one chain after another, from all data.

    Started from a distribution, such as the q of a fit, the chains run in coordinates in which that
    is round, so that its shape serves as the mass matrix; Pyro adapts a diagonal one on top.

    Args:
        target: The density, of one latent vector in unconstrained space.
        start: A fit's q, of which every chain takes a draw; or points ``(C, D)``, or one ``(D,)``.
        num_samples: S, draws that each chain keeps.
        warmup_steps: Transitions before the first of them, in which step and mass adapt.
        num_chains: C, by default 4, or as many as there are points.
        target_accept: Mean probability of acceptance to which the step adapts, in (0, 1); 0.95 and
            more for narrow necks.
        max_tree_depth: Of the doublings of a path, of which each leaf is one gradient.
        seed: Of the chains; the global random state is left as it was.

    Raises:
        ImportError: Without Pyro, the extra ``pyro``.
        ValueError: If the points are not.

    References:
        The No-U-Turn Sampler (Hoffman, Gelman, 2014), 1111.4246.
    """
    check_positive("target_accept", target_accept, below=1)
    check_int("max_tree_depth", max_tree_depth)
    settings = {"target_accept_prob": target_accept, "max_tree_depth": max_tree_depth}
    plan = HamiltonianPlan("NUTS", settings, num_samples, warmup_steps, seed)
    return by_pyro(target, start, num_chains, plan)


def hmc(
    target: Target,
    start: Tensor | Distribution,
    *,
    num_samples: int = 1000,
    warmup_steps: int = 500,
    num_chains: int | None = None,
    target_accept: float = 0.8,
    trajectory_length: float = pi / 2,
    seed: int = 0,
) -> Chains:
    """Draw by Hamiltonian Monte Carlo of Pyro with paths of one length.

    Args:
        target: As of `nuts`.
        start: As of `nuts`.
        num_samples: As of `nuts`.
        warmup_steps: As of `nuts`.
        num_chains: As of `nuts`.
        target_accept: As of `nuts`.
        trajectory_length: Step size times steps, in posterior standard deviations; after π/2 a
            normal has forgotten where it was.
        seed: As of `nuts`.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011), 1206.1901.
    """
    check_positive("target_accept", target_accept, below=1)
    check_positive("trajectory_length", trajectory_length)
    settings = {"target_accept_prob": target_accept, "trajectory_length": trajectory_length}
    plan = HamiltonianPlan("HMC", settings, num_samples, warmup_steps, seed)
    return by_pyro(target, start, num_chains, plan)


class HamiltonianPlan(NamedTuple):
    """Which kernel makes how many draws."""

    kernel: str
    settings: Mapping[str, Any]
    num_samples: int
    warmup_steps: int
    seed: int


def by_pyro(
    target: Target, start: Tensor | Distribution, num_chains: int | None, plan: HamiltonianPlan
) -> Chains:
    """Return the draws of all chains, with their divergences."""
    check_target(target)
    check_int("num_samples", plan.num_samples)
    check_int("warmup_steps", plan.warmup_steps, low=0)
    check_int("seed", plan.seed, low=0)
    points = starting_points(start, num_chains, target.space.dim, seed=plan.seed)
    kernels = imported()
    center, factor = shape_of(start, points, plan.seed)

    def potential(at: Mapping[str, Tensor]) -> Tensor:
        return -target.log_density(center + factor @ at["w"])

    draws, divergences = [], 0
    with unchecked(), torch.random.fork_rng():
        for chain, u in enumerate(points):
            w = torch.linalg.solve_triangular(factor, (u - center)[:, None], upper=False)[:, 0]
            torch.manual_seed(stream_seed(plan.seed, 2, chain))
            found, bad = one_chain(kernels, potential, w, plan)
            draws.append(found @ factor.T + center)
            divergences += bad
    return Chains(target.space, torch.stack(draws), plan.kernel, divergences)


def one_chain(
    kernels: Any, potential: Potential, w: Tensor, plan: HamiltonianPlan
) -> tuple[Tensor, int]:
    """Return the draws ``(S, D)`` of one chain from w on, and how many transitions diverged."""
    make = kernels.NUTS if plan.kernel == "NUTS" else kernels.HMC
    kernel = make(potential_fn=potential, **plan.settings)
    divergences = 0

    def count(kernel: Any, params: object, stage: str, step: int) -> None:
        nonlocal divergences
        if stage.startswith("Sample"):
            divergences = len(kernel.diagnostics()["divergences"])  # forgotten after the run

    run = kernels.MCMC(
        kernel,
        num_samples=plan.num_samples,
        warmup_steps=plan.warmup_steps,
        initial_params={"w": w},
        disable_progbar=True,
        hook_fn=count,
    )
    run.run()
    return run.get_samples()["w"].detach(), divergences


def shape_of(start: Tensor | Distribution, points: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return the centre ``(D,)`` and the factor ``(D, D)`` that make draws of a start round.

    That of points is the identity. Of many coordinates only the scales count: their correlations
    would be those of too few draws.
    """
    dim = points.shape[1]
    if not isinstance(start, Distribution):
        return torch.zeros_like(points[0]), torch.eye(dim, dtype=points.dtype)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(stream_seed(seed, 1))
        draws = start.sample((DRAWS,))
    if dim > MOST_DENSE:
        return draws.mean(0), draws.std(0).diag_embed()
    covariance = draws.T.cov().reshape(dim, dim)
    return draws.mean(0), torch.linalg.cholesky(covariance)


def imported() -> Any:
    """Return Pyro's kernels.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return import_module("pyro.infer.mcmc")
    except ModuleNotFoundError as error:
        raise ImportError(
            "nuts and hmc are Pyro's: pip install pyro-ppl, or take sgld or sghmc"
        ) from error
