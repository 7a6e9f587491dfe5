"""The training step of a fit as one list of operations, with those of its gradient.

The log-joint, q, the bound and their derivatives are the same few dozen operations at every step,
and small: Python, `torch.vmap` and autograd cost several times what they compute. They are recorded
at the first step, compared with what they were recorded from, and repeated.
"""

__all__ = ["FitModule", "RecordedTerms"]

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.func import functional_call, functionalize
from torch.fx import GraphModule

from vae.argument_checks import unchecked
from vae.batch import Batch
from vae.inference.captured import FAILURES, close
from vae.inference.recording import recorded, simplify
from vae.inference.same_fit import ARGUMENTS
from vae.models import Model
from vae.objectives import Objective, Progress
from vae.objectives.schedule import schedules_of
from vae.training import VAEModule
from vae.training.step import EagerStep, Scalars, terms_and_figures


class FitModule(VAEModule):
    """A `VAEModule` whose steps may be recorded.

    Attributes:
        records: Whether they are; every batch must have the same shape then.
        arguments: Those of `vae.fit`, for its checkpoints; see `arguments_of`.
    """

    records = False
    arguments: Mapping[str, Any] = MappingProxyType({})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the arguments, with which a fit is compared that goes on."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[ARGUMENTS] = dict(self.arguments)

    def on_train_start(self) -> None:
        """Take hold of the optimizers, and of what terms are computed by."""
        super().on_train_start()
        if self.records and isinstance(self.take_step, EagerStep) and not self.compiled:
            self.take_step.compute = RecordedTerms()


class RecordedTerms:
    """Computes terms and figures of a step by a recording, or as they are where there is none.

    Nothing is recorded where the model branches on values, a weight follows a schedule, or a buffer
    changes.

    Attributes:
        reason: Why there is no recording; empty where there is one, and before the first call.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.recording: Recording | None = None

    def __call__(
        self, model: Model, objective: Objective, batch: Batch, at: Progress
    ) -> tuple[Scalars, Scalars]:
        """Return terms and figures, from whose sum one goes backward with one weight for all."""
        if self.recording is None and not self.reason:
            try:
                self.recording = record(model, objective, batch, at)
            except FAILURES as error:
                self.reason = f"{type(error).__name__}: {error}"
        if self.recording is None:
            return terms_and_figures(model, objective, batch, at)
        return self.recording(batch)


class Whole(nn.Module):
    """From a batch to terms and figures."""

    def __init__(self, model: Model, objective: Objective, at: Progress) -> None:
        super().__init__()
        self.model, self.objective, self.at = model, objective, at

    def forward(self, batch: Batch) -> tuple[Scalars, Scalars]:
        """Return them."""
        return terms_and_figures(self.model, self.objective, batch, self.at)


class Plain:
    """Terms, figures and gradients as functions of parameters and a batch.

    Args:
        whole: What is differentiated.
        fields: Names of the batch's.
    """

    def __init__(self, whole: Whole, fields: Sequence[str]) -> None:
        self.whole = whole
        self.parameters = {k: p for k, p in whole.named_parameters() if p.requires_grad}
        self.fields = tuple(fields)
        self.terms: tuple[str, ...] = ()
        self.figures: tuple[str, ...] = ()
        self.reached: list[bool] = []  # which parameters have a gradient

    def __call__(self, *given: Tensor) -> list[Tensor]:
        """Return the terms, the figures, and the gradients that there are."""
        count = len(self.parameters)
        with torch.enable_grad():
            leaves = [p.detach().requires_grad_() for p in given[:count]]
            batch = dict(zip(self.fields, given[count:], strict=True))
            named = dict(zip(self.parameters, leaves, strict=True))
            terms, figures = functional_call(self.whole, named, (batch,))
            loss = torch.stack(list(terms.values())).sum()
            grads = torch.autograd.grad(loss, leaves, allow_unused=True)
        self.terms, self.figures = tuple(terms), tuple(figures)
        self.reached = [grad is not None for grad in grads]
        values = [*terms.values(), *figures.values()]
        return [v.detach() for v in values] + [g for g in grads if g is not None]


class Recording:
    """The operations of a step.

    Args:
        graph: What the operations are.
        plain: What they were recorded from.
    """

    def __init__(self, graph: GraphModule, plain: Plain) -> None:
        self.graph = graph.forward
        self.plain = plain
        self.parameters = list(plain.parameters.values())

    def __call__(self, batch: Batch) -> tuple[Scalars, Scalars]:
        """Return terms and figures."""
        plain = self.plain
        rows = [batch[name] for name in plain.fields]
        values = Repeated.apply(self, rows, *self.parameters)
        count = len(plain.terms)
        figures = dict(zip(plain.figures, values[count:], strict=True))
        return dict(zip(plain.terms, values[:count], strict=True)), figures

    def run(self, rows: Sequence[Tensor], parameters: Sequence[Tensor]) -> tuple[Any, Any]:
        """Return terms and figures, and a gradient or ``None`` for each parameter."""
        found = self.graph(*parameters, *rows)
        count = len(self.plain.terms) + len(self.plain.figures)
        grads = iter(found[count:])
        return found[:count], [next(grads) if has else None for has in self.plain.reached]


class Repeated(torch.autograd.Function):
    """What returns the gradient with the terms, for a sum of them all."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, recording: Recording, rows: list[Tensor], *parameters: Tensor
    ) -> tuple[Tensor, ...]:
        """Return terms and figures."""
        values, ctx.grads = recording.run(rows, parameters)  # type: ignore[attr-defined]
        ctx.mark_non_differentiable(*values[len(recording.plain.terms) :])
        ctx.set_materialize_grads(False)
        return tuple(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *weights: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients."""
        return None, None, *[None if g is None else weights[0] * g for g in ctx.grads]


@unchecked()  # checks of arguments branch on values; training makes none either
def record(model: Model, objective: Objective, batch: Batch, at: Progress) -> Recording:
    """Record a step, and compare it where it stands and beside that.

    Raises:
        RuntimeError: If it cannot be recorded.
    """
    if next(schedules_of(objective), None) is not None:
        raise RuntimeError("a weight follows a schedule")
    plain = Plain(Whole(model, objective, at), tuple(batch))
    here = [*[p.detach() for p in plain.parameters.values()], *batch.values()]
    count = len(plain.parameters)
    beside = [p + 0.05 * torch.cos(torch.arange(p.numel())).view_as(p).to(p) for p in here[:count]]
    versions = [buffer._version for buffer in plain.whole.buffers()]
    devices = {p.device.index for p in here if p.is_cuda}
    with torch.random.fork_rng(devices=list(devices)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = recorded(plain, *here, may_draw=True)
        graph = recorded(functionalize(graph), *here, may_draw=True)
        simplify(graph, *here)
        for given in (here, [*beside, *here[count:]]):
            compare_drawn(graph, plain, given)
    if versions != [buffer._version for buffer in plain.whole.buffers()]:
        raise RuntimeError("it changes its buffers")
    return Recording(graph, plain)


def compare_drawn(graph: GraphModule, plain: Plain, given: Sequence[Tensor]) -> None:
    """Compare a recording and what it was made from, with the same noise.

    Raises:
        RuntimeError: If they differ.
    """
    found = []
    for function in (graph, plain):
        torch.manual_seed(1)
        found.append(function(*given))
    if not all(close(ours, theirs) for ours, theirs in zip(*found, strict=True)):
        raise RuntimeError("its recording has other values")
