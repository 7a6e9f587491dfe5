"""A training step: from a batch to new weights, and what is to be told of it."""

__all__ = [
    "Compiled",
    "EagerStep",
    "Scalars",
    "Step",
    "StepResult",
    "compiled",
    "measured",
    "terms_and_figures",
]

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from vae.argument_checks import unchecked
from vae.batch import Batch, without_padding
from vae.data import Draft
from vae.models import Model
from vae.objectives import Objective, Progress
from vae.trace import Trace
from vae.training.guard import (
    all_finite,
    drop_if_bad,
    excess,
    joint_sum,
    told_bad,
    watched_parameters,
)
from vae.training.parallel import summed_if_sharded
from vae.training.update import Update, gradient_norm

Scalars = dict[str, Tensor]


def measured(
    model: Model, objective: Objective, batch: Batch, at: Progress
) -> tuple[Trace, Scalars, Scalars]:
    """Return the trace of a batch, the objective's terms, and all figures to be averaged.

    The figures are the two parts of the true ELBO, whatever the objective, and the terms. Steps
    that are padding in all of the batch are cut off, unless code is recorded for one length.
    """
    if model.step_fields and not (torch.compiler.is_compiling() or is_captured()):
        batch = without_padding(batch, model.step_fields)
    trace = model(batch, num_samples=objective.num_samples(at), num_examples=at.num_examples)
    terms = objective(trace, at)
    figures = {"log_likelihood": trace.log_px, "kl": trace.kl, **objective.figures(trace)}
    return trace, terms, figures | {f"objective/{name}": term for name, term in terms.items()}


def is_captured() -> bool:
    """Say whether a CUDA graph is being recorded."""
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()


def terms_and_figures(
    model: Model, objective: Objective, batch: Batch, at: Progress
) -> tuple[Scalars, Scalars]:
    """Return terms and figures alone: tensors, which compiled code can hand out."""
    return measured(model, objective, batch, at)[1:]


class StepResult(NamedTuple):
    """What became of a batch.

    Attributes:
        figures: Of the batch, scalars or tensors to be averaged, by name.
        norm: That of the gradient of the model's parameters before clipping, if it was asked for.
        culprit: What was not finite or too large, so that no weight was changed; ``None`` if
            nothing was, or if only the device knows.
        dropped: Where only the device knows, a scalar there: not zero if no weight was changed.
    """

    figures: Mapping[str, Tensor]
    norm: float | Tensor | None = None
    culprit: str | None = None
    dropped: Tensor | None = None


class Step(ABC):
    """Learns from batches, one after the other."""

    @abstractmethod
    def __call__(
        self, draft: Draft, step: int, *, updates: bool = True, wants_norm: bool = False
    ) -> StepResult:
        """Take the gradient of a batch and, if asked to, an optimizer step.

        Args:
            draft: The batch.
            step: Optimizer steps so far.
            updates: Whether the optimizers step now; the gradients are kept for the next batch
                otherwise.
            wants_norm: Whether the norm of the gradient is to be in the result.
        """


@final
class EagerStep(Step):
    """A step whose operations are launched one by one, or compiled up to the loss.

    Args:
        model: Batch to trace.
        objective: Trace to terms; their sum is the loss.
        update: From gradients to new weights.
        at: From the number of optimizer steps to where training stands.
        compute: What terms and figures are computed by; it may be compiled.
        accumulate: Batches per optimizer step, at least 1; their gradients are averaged.
        watch: Whether steps are left out whose loss or gradient is not finite.
        greatest_norm: Norm of the model's gradient above which they are left out too; ``None``: no.
        single_process: Whether no other process learns from the same step's batches.

    Attributes:
        defers_check: Whether the device leaves such a step out by itself. Elsewhere the processor
            waits for loss and gradients.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        update: Update,
        *,
        at: Callable[[int], Progress],
        compute: Callable[..., tuple[Scalars, Scalars]] = terms_and_figures,
        accumulate: int = 1,
        watch: bool = True,
        greatest_norm: float | None = None,
        single_process: bool = True,
    ) -> None:
        self.model = model
        self.objective = objective
        self.update = update
        self.at = at
        self.compute = compute
        self.accumulate = accumulate
        self.watch, self.greatest_norm = watch, greatest_norm
        self.single_process = single_process
        self.defers_check = watch and accumulate == 1 and update.can_drop_on_device
        parts = nn.ModuleDict({"model": model, "objective": objective})
        self.parameters = dict(parts.named_parameters())
        self.watched = list(watched_parameters(parts))

    def __call__(
        self, draft: Draft, step: int, *, updates: bool = True, wants_norm: bool = False
    ) -> StepResult:
        """Take the gradient of a batch and, if asked to, an optimizer step."""
        batch = draft.make()
        terms, figures = self.compute(self.model, self.objective, batch, self.at(step))
        loss = reduce(torch.add, terms.values())
        self.update.backward(loss if self.accumulate == 1 else loss / self.accumulate)
        if not updates:
            return StepResult(figures)
        self.update.unscale()
        culprit, dropped = self.check(loss, terms) if self.watch else (None, None)
        norm: float | Tensor | None = None
        if wants_norm and culprit is None:
            norm = gradient_norm(self.update.optimizers[0])
            norm = norm if self.defers_check else norm.item()
        self.update()
        return StepResult(figures, norm, culprit, dropped)

    def check(self, loss: Tensor, terms: Scalars) -> tuple[str | None, Tensor | None]:
        """See to it that no weight is changed if loss or gradients are not finite.

        Returns:
            What is not, and on the device whether anything is not: one of them, or neither.
        """
        # Each process has a loss of its own, but all have the same gradients.
        values = [loss.detach()] if self.single_process else []
        if self.update.scaler is None:  # which sees to infinite gradients itself
            values += summed_if_sharded([p.grad for p in self.watched if p.grad is not None])
        if self.greatest_norm is not None:
            values += excess(gradient_norm(self.update.optimizers[0]), self.greatest_norm)
        if not values:
            return None, None
        if self.defers_check:
            return None, drop_if_bad(joint_sum(values), self.update.optimizers)
        if all_finite(values):
            return None, None
        grads = {f"the gradient of {k}": p.grad for k, p in self.parameters.items()}
        named = {f"objective/{k}": term for k, term in terms.items()} | grads
        found = {k: value for k, value in named.items() if value is not None}
        culprit = told_bad(found, self.greatest_norm)
        for parameter in self.parameters.values():
            parameter.grad = None  # with which the optimizers change nothing
        return culprit, None


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
