"""What a net predicts of held-out examples, and whether it knows how sure it may be."""

__all__ = ["Predictions"]

from dataclasses import replace
from math import log, prod
from typing import NamedTuple

import torch
from torch import Tensor

from vae.data import DataModule, EvalBatches
from vae.distributions import ClassResponse
from vae.evaluation.downstream.anomaly import check_same
from vae.evaluation.downstream.auroc import auroc
from vae.evaluation.drawing.plots import histograms
from vae.evaluation.drawing.reliability import reliability
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.calibration import (
    calibration_error,
    entropies,
    expected_if_calibrated,
    into_bins,
)
from vae.evaluation.measures.figures import blocks
from vae.evaluation.section import Figure, NotApplicable, Section, averaged
from vae.evaluation.sections.predicted_numbers import PredictedNumbers, judged, of_numbers
from vae.evaluation.subject import Subject
from vae.models import BayesianNet
from vae.models.rows import BYTES

ROWS = 1024  # examples that are predicted under the same draws of the weights, at most
SCORES = {"entropy": "predictive entropy", "mutual_information": "mutual information"}


class ClassPredictions(NamedTuple):
    """Predictions of N examples."""

    log_p: Tensor  # of the predictive distribution, (N, C)
    entropy: Tensor  # of it, (N,)
    expected: Tensor  # mean entropy under a draw of the weights, (N,)
    y: Tensor | None


class Predictions(Evaluation):
    """Error, log-likelihood, calibration and kinds of uncertainty of a `BayesianNet`.

    The log-likelihood is that of the predictive distribution, log 1/K Σ p(y|x, w_k).

    Args:
        num_samples: Draws of the weights K, at least 1.
        num_bins: Bins of confidence, at least 1.
        other: A data set of the same shape and values that was not trained on; told apart by how
            uncertain the classes are. ``None``: none.
        num_other: How many of its examples, and of the model's own data, at least 2.

    Raises:
        ValueError: If a setting is out of range.
    """

    of_predictions = True

    def __init__(
        self,
        num_samples: int = 100,
        *,
        num_bins: int = 15,
        other: DataModule | None = None,
        num_other: int = 2000,
    ) -> None:
        if min(num_samples, num_bins) < 1 or num_other < 2:
            raise ValueError(
                "num_samples and num_bins start at 1 and num_other at 2; got "
                f"{num_samples}, {num_bins} and {num_other}"
            )
        self.num_samples = num_samples
        self.num_bins = num_bins
        self.other = other
        self.num_other = num_other

    def __call__(self, subject: Subject) -> Section:
        """Predict all examples of the subject's split.

        Raises:
            NotApplicable: If the model is no `BayesianNet`.
            ValueError: If the other data are of another kind.
        """
        model = subject.model
        if not isinstance(model, BayesianNet):
            raise NotApplicable(f"{type(model).__name__} has no draws of its weights to predict by")
        if isinstance(model.response, ClassResponse):
            section = self._classes(subject, model)
        else:
            section = self._numbers(subject, model)
        protocol = {
            "weights": self.num_samples,
            "bins": self.num_bins,
            "other": None if self.other is None else self.other.describe(),
        }
        return replace(section, title="Predictions", protocol=protocol)

    def _rows(self, model: BayesianNet) -> int:
        """Return how many examples are predicted under the same draws of the weights."""
        each = 4 * 8 * self.num_samples * prod(model.response.param_shape)  # doubles, four at once
        return max(1, min(ROWS, BYTES // each))

    def _classes(self, subject: Subject, model: BayesianNet) -> Section:
        """Return what is known of predicted classes."""
        found = self._predicted(subject, model, subject.batches(), subject.spec.name)
        assert found.y is not None
        confidence, guess = found.log_p.max(1)
        confidence, correct = confidence.exp(), guess == found.y
        bins = into_bins(confidence, correct, self.num_bins)
        right = found.log_p.gather(1, found.y[:, None])[:, 0]
        figures = {
            "accuracy": averaged("accuracy", correct.double()),
            "log_likelihood": averaged("log p(y|x), predictive", right, "nats"),
            "ece": Figure("expected calibration error", calibration_error(bins)),
            "ece_if_calibrated": Figure(
                "the same if the model were right",
                expected_if_calibrated(confidence, self.num_bins),
            ),
            "overconfidence": averaged("confidence less accuracy", confidence - correct.double()),
            "entropy": averaged("predictive entropy", found.entropy, "nats"),
            "expected_entropy": averaged("of it noise of the labels", found.expected, "nats"),
            "mutual_information": averaged(
                "of it doubt about the weights", found.entropy - found.expected, "nats"
            ),
        }
        filled = bins.counts > 0
        diagram = reliability(
            bins.confidence[filled].tolist(),
            bins.accuracy[filled].tolist(),
            (bins.counts[filled] / bins.counts.sum()).tolist(),
            xlabel="confidence",
            ylabel="accuracy",
        )
        notes = [
            "The calibration error is biased: chance alone gives a model that is right the error "
            "below it, and too much and too little confidence cancel within a bin.",
            f"Of {self.num_samples} draws of the weights, the doubt about them is too low by about "
            f"{1 / self.num_samples:.1%} of itself.",
        ]
        apart = self._other(subject, model, found)
        pictures = {"reliability": diagram, **apart.pictures}
        return Section("", {**figures, **apart.figures}, pictures=pictures, notes=notes)

    @torch.no_grad()
    def _predicted(
        self, subject: Subject, model: BayesianNet, batches: EvalBatches, name: str
    ) -> ClassPredictions:
        """Predict the classes of examples, whether or not they have any."""
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        labels = []
        tracked = subject.track(batches, f"predictions of {name}", len(batches))
        fields = ("x", "label") if "label" in batches.fields else ("x",)
        for batch in blocks(tracked, fields, self._rows(model)):
            outputs = model.outputs(batch["x"], self.num_samples, max_rows=subject.max_rows)
            log_p = outputs.double().log_softmax(-1).cpu()
            mean = log_p.logsumexp(0) - log(len(log_p))
            parts.append((mean, *entropies(log_p)))
            if "label" in batch:
                labels.append(batch["label"].cpu())
        log_mean, entropy, expected = (torch.cat(column) for column in zip(*parts, strict=True))
        return ClassPredictions(log_mean, entropy, expected, torch.cat(labels) if labels else None)

    def _other(self, subject: Subject, model: BayesianNet, own: ClassPredictions) -> Section:
        """Return how well uncertainty tells other data from the model's own."""
        if self.other is None:
            return Section("")
        name = self.other.spec.name
        check_same(subject.spec, self.other.spec, f"the other data set {name}")
        batches = self.other.batches(
            "test",
            device=subject.device,
            n=self.num_other,
            batch_size=subject.block,
            fields=("x",),
        )
        theirs = self._predicted(subject, model, batches, name)
        figures, pictures = {}, {}
        for key, words in SCORES.items():
            scores = []
            for found in (own, theirs):
                doubt = found.entropy if key == "entropy" else found.entropy - found.expected
                scores.append(doubt[: self.num_other])
            value, error = auroc(*scores)
            told = f"AUROC of the {words} against {name}"
            figures[f"auroc_{key}"] = Figure(told, value, "", error)
            named = {f"{subject.spec.name} (own)": scores[0], name: scores[1]}
            pictures[words] = histograms(named, xlabel=f"{words} in nats")
        return Section("", figures, pictures=pictures)

    @torch.no_grad()
    def _numbers(self, subject: Subject, model: BayesianNet) -> Section:
        """Return what is known of predicted numbers."""
        parts: list[PredictedNumbers] = []
        batches, field = subject.batches(), model.response.field
        for batch in blocks(
            subject.track(batches, "predictions", len(batches)), ("x", field), self._rows(model)
        ):
            outputs = model.outputs(batch["x"], self.num_samples, max_rows=subject.max_rows)
            parts.append(judged(model.response, outputs, batch[field]))
        found = PredictedNumbers(*(torch.cat(column) for column in zip(*parts, strict=True)))
        section = of_numbers(found, self.num_bins)
        if self.other is None:
            return section
        left = "Another data set is told apart by classes alone: other is left out."
        return replace(section, notes=[*section.notes, left])
