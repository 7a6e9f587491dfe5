"""Where chains start: at draws of a fit, or at points."""

__all__ = ["starting_points"]

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.checks import check_int
from vae.data.randomness import stream_seed


def starting_points(
    start: Tensor | Distribution, num_chains: int | None, dim: int, *, seed: int
) -> Tensor:
    """Return a point for every chain, ``(C, D)``.

    Args:
        start: A distribution over ``(D,)``, such as the q of a fit, of which every chain takes a
            draw; or points ``(C, D)``; or one ``(D,)`` for all of them, from where R̂ sees less.
        num_chains: C, by default 4, or as many as there are points.
        dim: D of the density.
        seed: Of the draws.

    Raises:
        ValueError: If the points are of another number or shape, or are not finite.
    """
    check_int("num_chains", num_chains, optional=True)
    count = 4 if num_chains is None else num_chains
    if not isinstance(start, Tensor | Distribution):
        raise ValueError(
            "start must be a distribution such as fit.q, or unconstrained points (C, D) or (D,); "
            f"got {start!r:.60}"
        )
    if isinstance(start, Distribution):
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(stream_seed(seed, 0))
            points = start.sample((count,))
    elif start.dim() == 1:
        points = start.detach().expand(count, -1).clone()
    else:
        points = start.detach().clone()
        if num_chains is not None and num_chains != len(points):
            raise ValueError(f"start has {len(points)} points for num_chains={num_chains}")
    if points.dim() != 2 or not points.isfinite().all():
        raise ValueError(
            "start must be finite unconstrained points (D,) or (C, D), or a distribution of them "
            f"such as fit.q; got shape {tuple(points.shape)}"
        )
    if points.shape[1] != dim:
        raise ValueError(
            f"start has points of {points.shape[1]} coordinates, and the target is of {dim}: give "
            f"(C, {dim}) for C chains, or one point ({dim},)"
        )
    return points
