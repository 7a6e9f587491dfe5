"""Telling a second data set from the model's own by its bound, as a section of the report."""

__all__ = ["Anomaly"]

from pathlib import Path

import torch
from torch import Tensor

from vae.batch import Batch
from vae.build import rebuild
from vae.data import DataModule, DataSpec, EvalBatches
from vae.evaluation.downstream.auroc import auroc
from vae.evaluation.downstream.compression import code_lengths
from vae.evaluation.drawing.plots import histograms
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.named import refuse_shared
from vae.evaluation.section import Figure, NotApplicable, Section
from vae.evaluation.subject import Subject
from vae.models import Model
from vae.saved import read_saved

NAMES = {
    "elbo": "−ELBO",
    "nll": "−log p(x)",
    "complexity": "−log p(x) − code length",
    "background": "log p₀(x) − log p(x)",
}
BY = {  # what the scores are made of, in letters that suit the name of a file
    "elbo": "the ELBO",
    "nll": "the likelihood",
    "complexity": "likelihood and code length",
    "background": "the ratio to the background",
}


class Anomaly(Evaluation):
    """AUROC of four scores that should be higher on a second data set than on the model's own.

    −ELBO; −log p(x), importance-weighted; the same less the length of a general compressor's code,
    a likelihood ratio against a universal model; and the ratio against a second model p₀.

    Args:
        other: Data of the same shape, values and preprocessing, whose test split is compared;
            ``None``: the evaluation does not apply.
        background: A checkpoint, run folder or export of p₀, trained on perturbed data or of less
            capacity; ``None`` leaves that score out.
        num_examples: From each set, at least 2.
        num_samples: Importance samples K per example, at least 1.

    Raises:
        FileNotFoundError: If there is no ``background``.
        ValueError: If a setting is out of range.

    References:
        Input complexity and out-of-distribution detection with likelihood-based generative models
        (Serrà, Álvarez, Gómez, Slizovskaia, Núñez, Luque, 2020), 1909.11480.
        Likelihood Ratios for Out-of-Distribution Detection (Ren, Liu, Fertig, Snoek, Poplin,
        DePristo, Dillon, Lakshminarayanan, 2019), 1906.02845.
    """

    def __init__(
        self,
        other: DataModule | None = None,
        *,
        background: str | Path | None = None,
        num_examples: int = 1000,
        num_samples: int = 16,
    ) -> None:
        if num_examples < 2 or num_samples < 1:
            raise ValueError(
                f"num_examples starts at 2 and num_samples at 1; got {num_examples}, {num_samples}"
            )
        self.other = other
        self.background = None if background is None else read_saved(background)
        self.num_examples = num_examples
        self.num_samples = num_samples

    def __call__(self, subject: Subject) -> Section:
        """Score the first examples of the subject's split and of the other set's test split.

        Raises:
            NotApplicable: If there is no other data set.
            ValueError: If it, or the background, is of other data than the subject's.
        """
        if self.other is None:
            raise NotApplicable(
                "there is no second data set: give the name of one, for example "
                "report.anomaly.other=fashion_mnist"
            )
        check_same(subject.spec, self.other.spec, f"the other data set {self.other.spec.name}")
        background = self._background(subject)
        refuse_shared(subject.model, subject.examples(1))
        fields = {*subject.model.fields, *(() if background is None else background.fields)}
        n, device, size = self.num_examples, subject.device, subject.block
        own, theirs = (
            subject.batches(n, fields=fields),
            self.other.batches("test", device=device, n=n, batch_size=size, fields=sorted(fields)),
        )
        negative = self._scores(subject, background, own, subject.spec.name)
        positive = self._scores(subject, background, theirs, self.other.spec.name)
        figures, pictures = {}, {}
        for key, scores in negative.items():
            value, error = auroc(scores, positive[key])
            figures[f"auroc_{key}"] = Figure(f"AUROC of {NAMES[key]}", value, "", error)
            named = {f"{subject.spec.name} (own)": scores, self.other.spec.name: positive[key]}
            pictures[f"scores by {BY[key]}"] = histograms(named, xlabel=f"{NAMES[key]} in nats")
        protocol = {
            "other": self.other.describe(),
            "other_split": "test",
            "examples": len(own.examples),
            "other_examples": len(theirs.examples),
            "num_samples": self.num_samples,
            "background": None if self.background is None else str(self.background.path),
            "compressors": "shortest of deflate, bzip2, PNG" if "complexity" in negative else None,
        }
        return Section("Anomaly detection", figures, protocol, pictures=pictures)

    def _background(self, subject: Subject) -> Model | None:
        if self.background is None:
            return None
        check_same(subject.spec, self.background.spec, f"the background {self.background.path}")
        return rebuild(self.background).to(subject.device).eval()

    @torch.no_grad()
    def _scores(
        self, subject: Subject, background: Model | None, batches: EvalBatches, name: str
    ) -> dict[str, Tensor]:
        """Return each score, ``(N,)`` float64 on the CPU."""
        parts: dict[str, list[Tensor]] = {key: [] for key in NAMES}

        def log_likelihood(model: Model, batch: Batch) -> Tensor:
            k, max_rows = self.num_samples, subject.max_rows
            return model.log_likelihood(batch, num_samples=k, max_rows=max_rows).double().cpu()

        for batch in subject.track(batches, f"scores of {name}", len(batches)):
            log_p = log_likelihood(subject.model, batch)
            parts["elbo"].append(-subject.model(batch).elbo[0].double().cpu())
            parts["nll"].append(-log_p)
            if subject.spec.levels is not None:
                lengths = code_lengths(whole_numbers(batch["x"], subject.spec), subject.spec.levels)
                parts["complexity"].append(-log_p - lengths)
            if background is not None:
                parts["background"].append(log_likelihood(background, batch) - log_p)
        return {key: torch.cat(found) for key, found in parts.items() if found}


def check_same(ours: DataSpec, theirs: DataSpec, what: str) -> None:
    """Refuse data whose densities are not comparable.

    Raises:
        ValueError: If shape, values or dequantisation differ.
    """
    for name in ("shape", "support", "levels", "dequantized"):
        one, two = getattr(ours, name), getattr(theirs, name)
        if one != two:
            raise ValueError(
                f"{what} has {name} {two}, the model's own data {ours.name} has {one}: give data "
                "of the same shape, with the same data.binarization and data.dequantize"
            )


def whole_numbers(x: Tensor, spec: DataSpec) -> Tensor:
    """Return values in [0, 1] as the levels they stand for, uint8."""
    assert spec.levels is not None
    scaled = (x * spec.levels).floor() if spec.dequantized else (x * (spec.levels - 1)).round()
    return scaled.clamp(0, spec.levels - 1).to(torch.uint8)
