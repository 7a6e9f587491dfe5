"""The bound and its terms class by class, as a section of the report."""

__all__ = ["ByLabel", "class_means"]

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vae.batch import Batch
from vae.evaluation.drawing.palette import shortened
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.drawing.timelines import timelines
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.named import the_x
from vae.evaluation.section import Figure, NotApplicable, Section
from vae.evaluation.subject import Subject

SHOWN = 1000  # classes in the table
DRAWN = 100  # classes in the picture
FEWEST = 10  # examples of a class, below which its mean is no headline
COLUMNS = ("ELBO", "log p(x|z)", "KL", "squared error")


class ByLabel(Evaluation):
    """ELBO, its terms and reconstruction error of each class, and draws of each class.

    A row of the picture decodes draws from the class's aggregate posterior
    q(z|y) = 1/N_y Σ q(z|x_n), the mean over its examples. The picture has the first 100 classes,
    the table the first 1,000; the figures are of all.

    Args:
        columns: Draws per class, 1 to 100.
    """

    def __init__(self, columns: int = 10) -> None:
        if not 1 <= columns <= 100:
            raise ValueError(f"columns must be from 1 to 100; got {columns}")
        self.columns = columns

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Measure on the subject's split.

        Raises:
            NotApplicable: If the data have no labels.
        """
        if subject.spec.num_classes is None:
            raise NotApplicable("the data have no labels")
        labels = subject.batches().examples.labels
        assert labels is not None
        labels = labels.cpu()
        if (labels < 0).any():
            raise NotApplicable("labels of this split are hidden by data.labelled: use split=test")
        terms = torch.cat([terms_of(subject, batch) for batch in subject.track_batches("by label")])
        means, errors, counts = class_means(terms, labels)
        names = [subject.spec.class_name(c) for c in counts[0]]
        rows = [
            {
                "class": c,
                "examples": n,
                **dict(zip(COLUMNS, mean, strict=True)),
                "± ELBO": error[0] if n > 1 else None,
            }
            for c, n, mean, error in zip(
                names, counts[1], means.tolist(), errors.tolist(), strict=True
            )
        ]
        return Section(
            "Class by class",
            headlines(rows),
            {
                "columns": self.columns,
                "fewest_examples": FEWEST,
                "squared error": "as the nets see x, mean per dimension",
            },
            {"classes": rows[:SHOWN]},
            notes=notes_of(len(rows)),
            pictures={
                "class draws": picture_of(
                    timelines(self._draws(subject, labels, counts[0][:DRAWN]), subject.spec),
                    [shortened(name) for name in names[:DRAWN]],
                    span=subject.value_range,
                )
            },
        )

    def _draws(self, subject: Subject, labels: Tensor, classes: list[int]) -> Tensor:
        """Return ``(classes, columns, *event)``: ancestral draws, an example first, then z."""
        rows = [
            members[torch.randint(len(members), (self.columns,))]
            for members in members_of(labels, classes)
        ]
        chosen = torch.stack(rows)
        wanted, index = chosen.flatten().unique(return_inverse=True)
        place = index.to(subject.device)
        fields = {name: value[place] for name, value in picked(subject, wanted).items()}
        decoded = []
        for rows in torch.arange(len(index)).to(subject.device).split(subject.block):
            trace = subject.model({name: value[rows] for name, value in fields.items()})
            px = the_x({variable.name: variable.px for variable in trace.observed})
            decoded.append(subject.model.standardized(px.mean[0]))
        return torch.cat(decoded).unflatten(0, chosen.shape)


def headlines(rows: list[dict[str, Any]]) -> dict[str, Figure]:
    """Return the lowest and the highest ELBO of the classes with enough examples to tell."""
    figures = {"num_classes": Figure("classes", len(rows))}
    enough = sorted((row for row in rows if row["examples"] >= FEWEST), key=lambda r: r["ELBO"])
    for which, row in zip(("lowest", "highest"), (enough[:1] + enough[-1:]), strict=False):
        name = f"{which} ELBO, of class {row['class']}"
        figures[f"{which}_elbo"] = Figure(name, row["ELBO"], "nats", row["± ELBO"])
    return figures


def picked(subject: Subject, rows: Tensor) -> dict[str, Tensor]:
    """Return the examples at sorted places of the subject's split, ``(N, ...)`` each field."""
    found, start = [], 0
    for batch in subject.batches():
        count = len(batch["x"])
        inside = rows[(rows >= start) & (rows < start + count)] - start
        found.append({name: value[inside.to(value.device)] for name, value in batch.items()})
        start += count
    return {name: torch.cat([part[name] for part in found]) for name in found[0]}


def terms_of(subject: Subject, batch: Batch) -> Tensor:
    """Return ELBO, log p(x|z), KL and squared error of examples, ``(B, 4)`` on the CPU."""
    model, x = subject.model, batch["x"]
    trace = model(batch, num_examples=subject.data.num_train)
    pair = model.standardized(the_x(model.reconstruct(batch))), model.standardized(x)
    error = (pair[0] - pair[1]).square().flatten(1).mean(1)
    log_px = trace.log_px[0]
    columns = (trace.elbo[0], log_px, trace.kl[0].expand_as(log_px), error)
    return torch.stack(columns, 1).double().cpu()


def class_means(
    values: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, tuple[list[int], list[int]]]:
    """Return the mean of ``(N, D)`` in each class that occurs, its standard error, and counts.

    Returns:
        Means ``(C, D)``; standard errors ``(C, D)``, not a number for a class of one; and the
        classes with their numbers of examples.
    """
    classes, place, counts = labels.unique(return_inverse=True, return_counts=True)
    zeros = values.new_zeros(len(classes), values.shape[1])
    means = zeros.index_add(0, place, values) / counts[:, None]
    squares = zeros.index_add(0, place, (values - means[place]).square())
    deviations = (squares / (counts - 1)[:, None]).sqrt()  # 0/0 of a class of one
    return means, deviations / counts.sqrt()[:, None], (classes.tolist(), counts.tolist())


def members_of(labels: Tensor, classes: list[int]) -> Iterator[Tensor]:
    """Yield the places of the examples of each class, rising."""
    order = labels.argsort(stable=True)
    ordered = labels[order]
    for c in classes:
        first, last = (int(torch.searchsorted(ordered, c, right=end)) for end in (False, True))
        yield order[first:last]


def notes_of(num_classes: int) -> list[str]:
    """Say of which classes there is no row and no picture."""
    said = []
    if num_classes > SHOWN:
        said.append(f"The table has the first {SHOWN:,} of {num_classes:,} classes.")
    if num_classes > DRAWN:
        said.append(f"Drawn are the first {DRAWN} of {num_classes:,} classes.")
    return said
