"""Values that a model returns alone or by name, and models that a section cannot judge."""

__all__ = [
    "codes_of",
    "given_of",
    "mean_of_x",
    "need_one_latent",
    "need_values",
    "need_x_alone",
    "refuse_shared",
    "some",
    "the_x",
]

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.batch import Batch
from vae.draws import Centers
from vae.evaluation.section import NotApplicable
from vae.models import Model
from vae.trace import Latent, Trace

Latents = Tensor | Mapping[str, Tensor]


def given_of(model: Model, batch: Batch) -> dict[str, Tensor]:
    """Return what a model reads of examples besides x: what it is given where x is made."""
    known = {name: batch[name] for name in model.learns_from if name in batch}
    return {name: batch[name] for name in model.fields if name != "x"} | known


def the_x(found: Any) -> Any:
    """Return what was found of x, of a model of one or of several observed variables.

    Raises:
        NotApplicable: If there are several, and none of them is x.
    """
    if not isinstance(found, Mapping):
        return found
    if "x" not in found:
        raise NotApplicable(f"the model makes {', '.join(found)}, but no x")
    return found["x"]


def mean_of_x(model: Model, z: Latents, given: Batch | None = None) -> Tensor:
    """Return the mean of p(x|z), ``(N, *event)``.

    Args:
        model: In evaluation mode.
        z: The only latent, ``(N, *latent)``, or all by name; if it is shared ``(1, *latent)``.
        given: What else the model reads, ``(N, ...)``.
    """
    if isinstance(z, Tensor):
        px: Distribution = the_x(model.decode(z[None], given))
        return px.mean[0]
    px = the_x(model.decode({name: value[None] for name, value in z.items()}, given))
    return px.mean[0]


@torch.no_grad()
def codes_of(model: Model, batch: Batch) -> Tensor:
    """Return the centres of q(z|x), flattened, ``(B, D)``: of several latents side by side.

    Latents that all examples share say nothing of one, and are not among them.
    """
    latents = model.ran(model.check(batch), Centers(likelihoods=False)).latents.values()
    own = [latent for latent in latents if not latent.shared]
    if not own:
        return batch["x"].new_zeros(len(batch["x"]), 0)
    return torch.cat([latent.point[0].flatten(1) for latent in own], 1)


def some(values: Any, b: slice) -> Any:
    """Return some rows of a tensor, or of all by name; the only row there is stands for all."""
    if isinstance(values, Mapping):
        return {name: some(value, b) for name, value in values.items()}
    return values if len(values) == 1 else values[b]


def need_one_latent(trace: Trace, what: str) -> Latent:
    """Return the only latent variable.

    Raises:
        NotApplicable: If there are several, or examples share it.
    """
    if len(trace.latents) > 1:
        names = ", ".join(latent.name for latent in trace.latents[:4])
        more = "" if len(trace.latents) <= 4 else ", …"
        raise NotApplicable(
            f"{what} knows one latent variable; this model has {len(trace.latents)}: {names}{more}"
        )
    if trace.latents[0].shared:
        raise NotApplicable(f"{what} needs latents of each example; all share those of this model")
    return trace.latents[0]


def need_values(z: Tensor) -> None:
    """Refuse latents without a dimension, as a model has that draws nothing.

    Raises:
        NotApplicable: If the last dimension of ``z`` is none.
    """
    if not z.shape[-1]:
        raise NotApplicable("the model has no latent variable")


@torch.no_grad()
def refuse_shared(model: Model, batch: Batch) -> None:
    """Refuse a model of which one example has no log p(x).

    Raises:
        NotApplicable: If examples share a latent.
    """
    found = model.ran(model.check(batch), Centers(likelihoods=False)).latents.values()
    shared = ", ".join(latent.name for latent in found if latent.shared)
    if shared:
        raise NotApplicable(f"all examples share the latent {shared}: one alone has no log p(x)")


def need_x_alone(model: Model, what: str) -> None:
    """Refuse a model that reads more of an example than x.

    Raises:
        NotApplicable: Naming what it reads.
    """
    others = [name for name in model.fields if name != "x"]
    if others:
        raise NotApplicable(f"{what} knows x alone; this model reads {', '.join(others)} as well")
