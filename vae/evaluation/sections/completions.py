"""What a neural process makes of functions of which few points are known."""

__all__ = ["Completions"]

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from vae.batch import Batch
from vae.checks import check_int
from vae.data import GPCurves
from vae.evaluation.drawing.bands import Band, bands
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.evaluation import NO_FUNCTIONS, Evaluation
from vae.evaluation.measures.figures import blocks
from vae.evaluation.section import Figure, NotApplicable, Section, averaged
from vae.evaluation.subject import Subject
from vae.models import NeuralProcess

AT_ONCE = 300_000  # points that are decoded at once, times draws
SHOWN = 3  # numbers of known points in a picture


class Completions(Evaluation):
    """Predictive log-likelihood of the points that are not known, by how many are.

    Which are known is drawn for each function; of fewer they are among those of more. Each point is
    judged by itself, given the known ones, and the mean is one over points, then over functions. Of
    `GPCurves` the exact predictions of the process stand beside.

    Args:
        num_context: How many points are known, each ≥ 0; those that leave none are left out.
        num_examples: Functions, the first of the split, at least 1.
        num_samples: Draws of z for each, at least 1.
        columns: Functions in the picture, 1 to 20.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        num_context: Sequence[int] = (10, 20, 30, 40, 50),
        *,
        num_examples: int = 500,
        num_samples: int = 20,
        columns: int = 4,
    ) -> None:
        for number in num_context:
            check_int("num_context", number, low=0)
        for name, value in [("examples", num_examples), ("samples", num_samples)]:
            check_int(f"num_{name}", value)
        if not 1 <= columns <= 20:
            raise ValueError(f"columns must be from 1 to 20; got {columns}")
        self.num_context = sorted({*num_context})
        self.num_examples, self.num_samples, self.columns = num_examples, num_samples, columns

    def __call__(self, subject: Subject) -> Section:
        """Complete the first functions of the subject's split.

        Raises:
            NotApplicable: If the model is no `NeuralProcess`, or its likelihood is not one of each
                point.
        """
        model, spec = subject.model, subject.spec
        if not isinstance(model, NeuralProcess):
            raise NotApplicable(NO_FUNCTIONS)
        places = prod(spec.shape[1:] or spec.shape)
        sizes = [n for n in self.num_context if n < places]
        if not sizes:
            raise NotApplicable(f"of {places} points {self.num_context} are to be known: none left")
        found = list(self.judged(subject, model, sizes))
        told, exact = (torch.cat(column) for column in zip(*found, strict=True))
        figures: dict[str, Figure] = {}
        for column, n in enumerate(sizes):
            ours = told[:, column]
            ours = ours[ours.isfinite()]  # not of functions that have no more points
            name = f"log p of a point, {n} known"
            figures[f"log_likelihood_{n}"] = averaged(name, ours, "nats")
            if exact.shape[1]:
                figures[f"exact_{n}"] = averaged(f"{name}, exact", exact[:, column], "nats")
                gap = exact[:, column] - told[:, column]
                figures[f"gap_{n}"] = averaged(f"exact less model, {n} known", gap, "nats")
        protocol = {
            "num_context": sizes,
            "num_examples": self.num_examples,
            "num_samples": self.num_samples,
        }
        pictures = self.pictures(subject, model, sizes)
        return Section("Completions", figures, protocol, pictures=pictures)

    @torch.no_grad()
    def judged(
        self, subject: Subject, model: NeuralProcess, sizes: Sequence[int]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield mean log-densities of a point of some functions, ``(N, sizes)``, and exact ones."""
        source = subject.data.source
        fields = ("length_scale",) if isinstance(source, GPCurves) else ()
        batches = subject.batches(self.num_examples, fields=fields)
        places = prod(subject.spec.shape[1:] or subject.spec.shape)
        rows = max(1, AT_ONCE // (places * self.num_samples))
        tracked = subject.track(batches, "completions", len(batches))
        for batch in blocks(tracked, batches.fields, rows):
            ours, exact = [], []
            for given in contexts(batch, model, places, sizes):
                ours.append(over(given.rest, predicted(model, given.batch, self.num_samples)[0]))
                if isinstance(source, GPCurves):
                    at, y = batch["at"][:, 0], batch["x"][:, 0]
                    mean, variance = source.predicted(at, y, given.known, batch["length_scale"])
                    p = torch.distributions.Normal(mean, variance.sqrt())
                    exact.append(over(given.rest, p.log_prob(y.double())))
            ours_of_all = torch.stack(ours, 1).cpu()
            yield ours_of_all, torch.stack(exact, 1).cpu() if exact else ours_of_all[:, :0]

    @torch.no_grad()
    def pictures(
        self, subject: Subject, model: NeuralProcess, sizes: Sequence[int]
    ) -> dict[str, Picture]:
        """Draw the first functions, completed from few, some and many points."""
        shape = subject.spec.shape
        places = shape[1:] or shape
        chosen = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})[:SHOWN]
        batch = subject.examples(self.columns)
        batch = {name: batch[name] for name in model.fields}
        rows, panels, x = [batch["x"]], [], batch["x"]
        low, high = subject.value_range
        for given in contexts(batch, model, prod(places), chosen):
            _, mean, deviation = predicted(model, given.batch, self.num_samples)
            known = given.known.reshape(len(x), *[1] * (len(shape) - len(places)), *places)
            rows += [torch.where(known, x, (low + high) / 2), mean]
            if model.channels == 1:
                at = (
                    model.located(batch)
                    if "at" not in batch
                    else batch["at"].reshape(len(x), -1, prod(places)).mT
                )
                if at.shape[-1] == 1:
                    columns = (at[..., 0], x, mean, deviation, given.known)
                    panels.append(
                        [Band(*(c.flatten(1)[i] for c in columns)) for i in range(len(x))]
                    )
        if panels:
            return {"completions": bands(panels, [f"{n} known" for n in chosen])}
        if len(shape) == 3 and "at" not in batch:
            labels = ["original", *(t for n in chosen for t in (f"{n} known", "completed"))]
            return {"completions": picture_of(torch.stack(rows), labels, span=(low, high))}
        return {}


class PartlyGiven(NamedTuple):
    """Functions of which some points are known."""

    batch: Batch  # what the model reads
    known: Tensor  # bool, (B, M)
    rest: Tensor  # the others that exist, bool, (B, M)


def contexts(
    batch: Batch, model: NeuralProcess, places: int, sizes: Sequence[int]
) -> Iterator[PartlyGiven]:
    """Yield a batch with so many known points of each function, those of fewer among them."""
    x = batch["x"]
    order = torch.rand(len(x), places).to(x.device)
    exists = batch["mask"].flatten(1).bool() if "mask" in batch else torch.ones_like(order) > 0
    rank = order.masked_fill(~exists, torch.inf).argsort(1).argsort(1)
    read = {name: batch[name] for name in model.fields}
    for n in sizes:
        known = (rank < n) & exists
        yield PartlyGiven({**read, "context": known}, known, exists & ~known)


def predicted(model: NeuralProcess, batch: Batch, num_samples: int) -> tuple[Tensor, ...]:
    """Return log-densities of points ``(B, M)``, means and deviations of all values.

    Raises:
        NotApplicable: If the likelihood is not one of each point.
    """
    try:
        found = model.predict(batch, num_samples)
    except ValueError as reason:
        raise NotApplicable(str(reason)) from reason
    return found.log_prob(batch["x"]).flatten(1), found.mean, found.stddev


def over(mask: Tensor, values: Tensor) -> Tensor:
    """Return the mean of each row over a mask, ``(B,)``; NaN of an empty one."""
    return torch.where(mask, values.double(), 0.0).sum(1) / mask.sum(1)
