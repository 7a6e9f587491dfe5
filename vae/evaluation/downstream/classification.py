"""What a model that guesses classes is right about, class by class, as a section of the report."""

__all__ = ["Classification"]

import torch

from vae.evaluation.evaluation import NO_PREDICTION, Evaluation
from vae.evaluation.measures.figures import blocks
from vae.evaluation.section import NotApplicable, Section, averaged
from vae.evaluation.subject import Subject
from vae.models import M2


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
        found, truth = [], []
        batches = subject.batches(fields=("label",))
        tracked = subject.track(batches, "classification", len(batches))
        for batch in blocks(tracked, ("x", "label")):
            known = batch["label"] >= 0
            found.append(model.predict(batch["x"]).logits[known].double().cpu())
            truth.append(batch["label"][known].cpu())
        log_q, y = torch.cat(found), torch.cat(truth)
        if len(y) == 0:
            raise NotApplicable("no example of the split has a label")
        right = log_q.argmax(-1) == y
        counts = torch.zeros(log_q.shape[1], log_q.shape[1], dtype=torch.int64)
        counts.index_put_((y, log_q.argmax(-1)), torch.ones_like(y), accumulate=True)
        names = [subject.spec.class_name(label) for label in range(len(counts))]
        rows = [
            {"class": name, "examples": sum(row), **dict(zip(map(str, names), row, strict=True))}
            for name, row in zip(names, counts.tolist(), strict=True)
        ]
        figures = {
            "accuracy": averaged("accuracy of q(y|x)", right.double()),
            "log_likelihood": averaged("log q(y|x)", log_q.gather(1, y[:, None])[:, 0], "nats"),
        }
        protocol = {
            "training labels": subject.spec.num_labelled or "all",
            "left out": len(batches.examples) - len(y),
        }
        tables = {"classes (rows) and what they are taken for": rows}
        return Section("Classification", figures, protocol, tables)
