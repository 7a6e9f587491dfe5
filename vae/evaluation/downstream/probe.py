"""What simple classifiers read from the latents, as a section of the report."""

__all__ = ["Probe"]

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from vae.evaluation.downstream.classifiers import (
    CHUNK,
    Score,
    fit_logistic,
    nearest_neighbors,
    score,
    standardized,
)
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.section import Figure, NotApplicable, Section
from vae.evaluation.subject import Codes, Subject

LARGEST = 1 << 24  # logits that the linear probe may have, of all training codes: 128 MiB
TOO_MANY = (
    "The linear probe of {0} is left out: {1:,} classes of {2:,} training codes would take too "
    "much memory and time. report.probe.num_train=… takes fewer codes."
)


class Probe(Evaluation):
    """Multinomial logistic regression and nearest neighbours on the posterior's centres.

    Both are fitted to codes of the training split and judged on the subject's. They predict the
    labels; where there are none, each ground-truth factor. Examples of a class that has no training
    code cannot be told by any classifier: they are left out and counted. Where classes times
    codes exceed 2²⁴, the nearest neighbours stand alone.

    Args:
        num_train: Training codes, at least 2.
        neighbors: Neighbours k that vote, at least 1.
        penalty: Weight λ ≥ 0 of ½‖W‖² beside the summed cross-entropy of the logistic regression.

    References:
        Understanding intermediate layers using linear classifier probes (Alain, Bengio, 2016),
        1610.01644.
    """

    def __init__(
        self, num_train: int = 10_000, *, neighbors: int = 10, penalty: float = 1.0
    ) -> None:
        if num_train < 2 or not 1 <= neighbors <= num_train:
            raise ValueError(
                "num_train starts at 2 and neighbors lies from 1 to num_train; got "
                f"{num_train} and {neighbors}"
            )
        if not penalty >= 0:
            raise ValueError(f"penalty must be at least 0; got {penalty}")
        self.num_train = num_train
        self.neighbors = neighbors
        self.penalty = penalty

    def __call__(self, subject: Subject) -> Section:
        """Fit to the training split and judge on the subject's.

        Raises:
            NotApplicable: If the data have neither labels nor factors, if the subject's split is
                ``train``, or if its classes are others than those of the training codes.
        """
        refuse_without_targets(subject)
        train, test = labelled_codes(subject, self.num_train), subject.codes()
        z_train, z_test = standardized(train.z, test.z)
        k = min(self.neighbors, len(z_train))
        figures: dict[str, Figure] = {}
        rows, unknown, notes = [], {}, []
        targets = list(targets_of(train, test, subject.spec.factor_names))
        for name, y, truth in subject.track(targets, "probes", len(targets)):
            shown, y = y.unique(return_inverse=True)
            known = torch.isin(truth, shown)
            unknown[name] = int((~known).sum())
            if not known.any():
                continue
            truth, z = torch.searchsorted(shown, truth[known]), z_test[known]
            predicted = {"knn": nearest_neighbors(z_train, y, z, k=k)}
            if len(z_train) * len(shown) <= LARGEST:
                w, b = fit_logistic(z_train, y, len(shown), penalty=self.penalty)
                guess = torch.cat([(rows @ w.T + b).argmax(1) for rows in z.split(CHUNK)])
                predicted = {"linear": guess, **predicted}
            else:
                notes.append(TOO_MANY.format(name, len(shown), len(z_train)))
            scores = {probe: score(guess, truth) for probe, guess in predicted.items()}
            chance = score(torch.full_like(truth, int(y.mode().values)), truth)
            figures |= figures_of(name, scores, chance)
            rows += [row(name, probe, s, chance) for probe, s in scores.items()]
        if not rows:
            raise NotApplicable("no class of the split has a training code")
        protocol = {
            "codes": "centres of q(z|x), standardised",
            "train_examples": len(z_train),
            "test_examples": len(z_test),
            "left_out": unknown,
            "neighbors": k,
            "penalty": self.penalty,
        }
        notes += notes_of(unknown, len(z_test))
        return Section("Probes of the latents", figures, protocol, {"accuracy": rows}, notes=notes)


def refuse_without_targets(subject: Subject) -> None:
    """Refuse training codes, and data in which nothing is known of an example."""
    if subject.split == "train":
        raise NotApplicable(
            "probes are fitted to training codes and judged on others; use split=test"
        )
    if subject.spec.num_classes is None and not subject.spec.factor_names:
        raise NotApplicable("the data have neither labels nor ground-truth factors to predict")


def labelled_codes(subject: Subject, most: int) -> Codes:
    """Return training codes, of few labels among them those that have one."""
    if subject.spec.num_labelled is None:
        return subject.codes(most, "train")
    codes = subject.codes(None, "train")
    assert codes.labels is not None
    rows = (codes.labels >= 0).nonzero()[:most, 0]
    factors = None if codes.factors is None else codes.factors[rows]
    return Codes(codes.z[rows], codes.labels[rows], factors)


def notes_of(unknown: Mapping[str, int], num_examples: int) -> list[str]:
    """Say how many examples are left out of each target."""
    return [
        f"{count:,} of {num_examples:,} examples are left out of {name}: their classes have no "
        "training code."
        for name, count in unknown.items()
        if count
    ]


def targets_of(
    train: Codes, test: Codes, factor_names: tuple[str, ...]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield the name of what is predicted with its values in training and in test."""
    if train.labels is not None and test.labels is not None:
        yield "label", train.labels, test.labels
    elif train.factors is not None and test.factors is not None:
        yield from zip(factor_names, train.factors.T, test.factors.T, strict=True)


def figures_of(target: str, scores: dict[str, Score], chance: Score) -> dict[str, Figure]:
    """Return the figures of one target: each probe's accuracies, and what a constant reaches."""
    names = {"linear": "linear probe", "knn": "nearest neighbours"}
    figures = {}
    for probe, found in scores.items():
        key, name = f"{target}_{probe}", f"{names[probe]} of {target}"
        figures[key] = Figure(f"{name}, accuracy", found.accuracy, "", found.accuracy_error)
        figures[f"{key}_balanced"] = Figure(
            f"{name}, balanced accuracy", found.balanced, "", found.balanced_error
        )
    commonest = Figure(f"most frequent {target}, accuracy", chance.accuracy)
    return {**figures, f"{target}_chance": commonest}


def row(target: str, probe: str, found: Score, chance: Score) -> dict[str, str | float]:
    """Return a row of the table."""
    return {
        "predicted": target,
        "probe": probe,
        "accuracy": found.accuracy,
        "standard error": found.accuracy_error,
        "balanced accuracy": found.balanced,
        "chance": chance.accuracy,
        "balanced chance": chance.balanced,
    }
