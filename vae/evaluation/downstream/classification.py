"""What a model that guesses classes is right about, class by class, as a section of the report."""

__all__ = ["Classification"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.evaluation import NO_PREDICTION, Evaluation
from vae.evaluation.measures.figures import blocks
from vae.evaluation.section import NotApplicable, Section, averaged
from vae.evaluation.subject import Subject
from vae.models import M2

MOST = 1000  # classes of which each is held against each


class Classification(Evaluation):
    """Accuracy and log-likelihood of q(y|x) of an `M2`, and what each class is taken for."""

    of_predictions = None

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Judge all labelled examples of the subject's split.

        Raises:
            NotApplicable: If the model is no `M2`, or no example has a label.
        """
        model = subject.model
        if not isinstance(model, M2):
            raise NotApplicable(NO_PREDICTION)
        found = []
        batches = subject.batches(fields=("label",))
        tracked = subject.track(batches, "classification", len(batches))
        for batch in blocks(tracked, ("x", "label")):
            known = batch["label"] >= 0
            log_q, y = model.predict(batch["x"]).logits[known].double(), batch["label"][known]
            of_truth = log_q.gather(1, y[:, None])[:, 0]
            found.append([part.cpu() for part in (log_q.argmax(-1), of_truth, y)])
            num_classes = log_q.shape[1]
        guess, log_q, y = (torch.cat(column) for column in zip(*found, strict=True))
        if len(y) == 0:
            raise NotApplicable("no example of the split has a label")
        tables, notes = {}, []
        if num_classes <= MOST:
            names = [subject.spec.class_name(label) for label in range(num_classes)]
            table = confusions(guess, y, names)
            tables["classes (rows) and what they are taken for"] = table
        else:
            notes.append(f"What {num_classes:,} classes are taken for is told of {MOST} at most.")
        figures = {
            "accuracy": averaged("accuracy of q(y|x)", (guess == y).double()),
            "log_likelihood": averaged("log q(y|x)", log_q, "nats"),
        }
        protocol = {
            "training labels": subject.spec.num_labelled or "all",
            "left out": len(batches.examples) - len(y),
        }
        return Section("Classification", figures, protocol, tables, notes=notes)


def confusions(guess: Tensor, y: Tensor, names: Sequence[int | str]) -> list[dict[str, Any]]:
    """Return a row for each class: how many examples it has, and for what they are taken."""
    counts = torch.zeros(len(names), len(names), dtype=torch.int64)
    counts.index_put_((y, guess), torch.ones_like(y), accumulate=True)
    return [
        {"class": name, "examples": sum(row), **dict(zip(map(str, names), row, strict=True))}
        for name, row in zip(names, counts.tolist(), strict=True)
    ]
