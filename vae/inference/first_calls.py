"""What a log-joint must do at its first calls: depend on the latents, and be called for many."""

__all__ = ["check_gradient", "why_not_for_many"]

from collections.abc import Mapping

import torch
from torch import Tensor

from vae.argument_checks import unchecked
from vae.inference.calling import OverDraws
from vae.inference.target import RowsTarget, Target, WholeTarget


def check_gradient(target: Target, u: Tensor, states: Mapping[str, Tensor]) -> None:
    """Refuse a log-joint through which no gradient goes to any of its continuous latents.

    Args:
        target: The density; of one that a user did not write as functions nothing is asked.
        u: Where it is looked at, ``(D,)``.
        states: Values of the discrete latents there.

    Raises:
        ValueError: If none does.
    """
    if not isinstance(target, WholeTarget | RowsTarget) or target.space.dim == 0:
        return
    first = target.log_joint if isinstance(target, WholeTarget) else target.log_prior
    with torch.enable_grad(), torch.random.fork_rng(devices=[]), unchecked():
        torch.manual_seed(0)
        values = target.space.mapped(first.flattened(u.detach()))[0]
        leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
        lead = first.lead(())
        given = {k: v.reshape((*lead, *v.shape)) for k, v in states.items()}
        found = [first({**leaves, **given})]
        if isinstance(target, RowsTarget):
            found.append(target.log_likelihood(leaves, target.data))
        if any(depends(value, list(leaves.values())) for value in found):
            return
    raise ValueError(
        f"no gradient of the log-joint goes to {', '.join(leaves)}: compute it from what it is "
        'given, by torch and without .detach(), .item(), .numpy() or torch.no_grad(); estimator="'
        'score" needs none'
    )


def depends(value: Tensor, leaves: list[Tensor]) -> bool:
    """Say whether a gradient of the value reaches any of the leaves, be it zero."""
    if not value.requires_grad:
        return False
    slopes = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
    return any(slope is not None for slope in slopes)


def why_not_for_many(target: Target, error: RuntimeError) -> str:
    """Say why a log-joint that can be called for one draw cannot be for two."""
    told = str(error).splitlines()[0]
    if any(part.vectorized for part in target.children() if isinstance(part, OverDraws)):
        return (
            "the log-joint cannot be called for two draws at once, though vectorized=True says so: "
            "write it for values (K, *shape), of which it returns (K,), without branches on "
            f"values, or leave vectorized=True out ({told})"
        )
    if "numpy" in told or "storage" in told:
        return (
            "the log-joint leaves torch, as by numpy arrays among its data or by .numpy(): make "
            f"them tensors, torch.as_tensor(x), and compute with torch alone ({told})"
        )
    return (
        "the log-joint cannot be called for many draws by torch.vmap, as it branches on "
        "values or changes tensors in place: write it for draws (K, *shape) and give "
        f"vectorized=True ({told})"
    )
