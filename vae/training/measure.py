"""What a training step computes of a batch, in one function that can be compiled."""

__all__ = ["Compiled", "compiled", "measure", "terms_and_figures", "with_totals"]

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vae.argument_checks import unchecked
from vae.batch import Batch
from vae.models import Model
from vae.objectives import Objective, Progress
from vae.objectives.penalties.adversary import DISCRIMINATOR
from vae.trace import Trace

Scalars = dict[str, Tensor]


def measure(
    model: Model, objective: Objective, batch: Batch, at: Progress
) -> tuple[Trace, Scalars, Scalars]:
    """Return the trace of a batch, the objective's terms, and all figures to be averaged.

    The figures are the two parts of the true ELBO, whatever the objective, and the terms.
    """
    trace = model(batch, num_samples=objective.num_samples(at), num_examples=at.num_examples)
    terms = objective(trace, at)
    figures = {"log_likelihood": trace.log_px, "kl": trace.kl}
    return trace, terms, figures | {f"objective/{name}": term for name, term in terms.items()}


def terms_and_figures(
    model: Model, objective: Objective, batch: Batch, at: Progress
) -> tuple[Scalars, Scalars]:
    """Return terms and figures alone: tensors, which compiled code can hand out."""
    return measure(model, objective, batch, at)[1:]


def compiled(model: Model) -> "Compiled":
    """Return `terms_and_figures`, compiled as one graph: cut in two, gradients may be wrong.

    Of a model that names parts to be compiled, each of these is one instead.
    """
    settings: Any = torch._dynamo.config
    settings.trace_autograd_ops = True  # where torch knows of it
    with unchecked():
        for name in model.compiled_parts:
            model.get_submodule(name).compile(fullgraph=True)
        if model.compiled_parts:
            return Compiled(terms_and_figures)
        return Compiled(torch.compile(terms_and_figures, fullgraph=True))


def with_totals(means: dict[str, float]) -> dict[str, float]:
    """Return the figures with the true ELBO, whatever the objective, and the loss before them.

    A game's two terms are left out of the loss: they say how well the discriminator plays.
    """
    of_a_game = {name.removesuffix(DISCRIMINATOR) for name in means if name.endswith(DISCRIMINATOR)}
    loss = sum(
        mean
        for name, mean in means.items()
        if name.startswith("objective/") and name.removesuffix(DISCRIMINATOR) not in of_a_game
    )
    return {"elbo": means["log_likelihood"] - means["kl"], "loss": loss, **means}


class Compiled:
    """A compiled function that says so when its first call fails.

    Args:
        function: Compiled when it is first called.
    """

    def __init__(self, function: Callable[..., tuple[Scalars, Scalars]]) -> None:
        self.function = function
        self.works = False

    def __call__(
        self, model: Model, objective: Objective, batch: Batch, at: Progress
    ) -> tuple[Scalars, Scalars]:
        """Return what the function returns.

        Raises:
            ValueError: If the parts cannot be compiled.
        """
        try:
            result = self.function(model, objective, batch, at)
        except Exception as error:
            if self.works:
                raise
            message = (str(error) or type(error).__name__).splitlines()[0]
            raise ValueError(
                f"these parts cannot be compiled ({message}): use compile=false"
            ) from error
        self.works = True
        return result
