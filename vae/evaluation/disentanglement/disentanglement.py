"""All disentanglement metrics of a model, as a section of the report."""

__all__ = ["Disentanglement"]

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.disentanglement.beta_vae import beta_vae_score
from vae.evaluation.disentanglement.boosting import DEPTH, RATE
from vae.evaluation.disentanglement.dci import dci
from vae.evaluation.disentanglement.error_by_parts import FEWEST, NUM_PARTS, error_by_parts
from vae.evaluation.disentanglement.explicitness import explicitness
from vae.evaluation.disentanglement.factor_vae import factor_vae_score
from vae.evaluation.disentanglement.information import mig, modularity, mutual_information
from vae.evaluation.disentanglement.irs import irs
from vae.evaluation.disentanglement.points import Array
from vae.evaluation.disentanglement.sap import sap
from vae.evaluation.drawing import plots
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.section import Figure, NotApplicable, Section
from vae.evaluation.subject import Subject

MIN_EXAMPLES = 10  # of each of two values, below which a factor is not judged
METRICS: dict[
    str, tuple[str, Callable[..., Any], list[str]]
] = {  # key: (name, function, settings that it takes)
    "mig": ("MIG", mig, ["bins"]),
    "modularity": ("modularity", modularity, ["bins"]),
    "dci": ("DCI", dci, ["rounds", "test_fraction", "seed"]),
    "sap": ("SAP", sap, ["test_fraction", "seed"]),
    "explicitness": ("explicitness", explicitness, ["test_fraction", "seed"]),
    "factor_vae_score": (
        "FactorVAE score",
        factor_vae_score,
        ["num_train", "num_eval", "batch_size", "min_std", "seed"],
    ),
    "beta_vae_score": (
        "β-VAE score",
        beta_vae_score,
        ["num_train", "num_eval", "batch_size", "seed"],
    ),
    "irs": ("IRS", irs, ["quantile"]),
}


class Disentanglement(Evaluation):
    """MIG, DCI, SAP, FactorVAE and β-VAE scores, modularity, explicitness and IRS of the codes.

    All from the centres of q(z|x) of one set of examples, by the functions of this package. From
    1,000 examples on, all but DCI and IRS have a standard error over examples.

    Args:
        num_points: Examples, at most; at least 100.
        bins: Cells of equal width per code, of MIG and modularity, at least 2.
        rounds: Boosted trees per value of a factor, of DCI, at least 1.
        test_fraction: Of the points, held out by DCI, SAP and explicitness, between 0 and 1.
        num_train: Votes or batches for training, of FactorVAE and β-VAE score, at least 100.
        num_eval: Votes or batches for evaluation, of the same, at least 1.
        batch_size: Points per vote and pairs per batch, of the same, at least 2.
        min_std: Codes of less deviation are left out of the FactorVAE score, at least 0.
        quantile: Of the distances, of IRS, above 0 and at most 1.
    """

    def __init__(
        self,
        num_points: int = 10_000,
        *,
        bins: int = 20,
        rounds: int = 100,
        test_fraction: float = 1 / 3,
        num_train: int = 10_000,
        num_eval: int = 5_000,
        batch_size: int = 64,
        min_std: float = 0.05,
        quantile: float = 0.99,
    ) -> None:
        settings = {name: value for name, value in locals().items() if name != "self"}
        lowest = {"num_points": 100, "bins": 2, "rounds": 1, "num_train": 100, "num_eval": 1}
        for name, low in {**lowest, "batch_size": 2, "min_std": 0}.items():
            if settings[name] < low:
                raise ValueError(f"{name} must be at least {low}; got {settings[name]}")
        if not 0.01 <= test_fraction <= 0.99:
            raise ValueError(f"test_fraction must lie in [0.01, 0.99]; got {test_fraction}")
        if not 0 < quantile <= 1:
            raise ValueError(f"quantile must be above 0 and at most 1; got {quantile}")
        self.num_points = settings.pop("num_points")
        self.settings = settings

    def __call__(self, subject: Subject) -> Section:
        """Measure on the first examples of the subject's split."""
        z, v, judged, unjudged = points_of(subject, self.num_points)
        mark = f", {len(judged)} of {len(judged) + len(unjudged)} factors" if unjudged else ""
        settings = {**self.settings, "seed": subject.seed}
        figures: dict[str, Figure] = {}
        series: dict[str, Any] = {"factors": judged}
        for key, (name, function, takes) in subject.track(METRICS.items(), "metrics", len(METRICS)):
            taken = {setting: settings[setting] for setting in takes}
            result = function(z, v, **taken)
            if isinstance(result, float):
                known = key not in WITHOUT_ERROR
                error = error_by_parts(function, z, v, taken, seed=subject.seed) if known else None
                figures[key] = Figure(f"{name}{mark}", result, "", error)
                continue
            *parts, importance = result._asdict().items()
            figures |= {
                f"{key}_{part}": Figure(f"{name} {part}{mark}", value) for part, value in parts
            }
            series[f"{key}_importance"] = importance[1].tolist()
        information, entropies = mutual_information(z, v, bins=settings["bins"])
        series["mutual_information"] = information.tolist()
        share = torch.from_numpy(information / entropies)
        return Section(
            "Disentanglement",
            figures,
            {"num_points": len(z), "factors": judged, **settings, **FIXED},
            series=series,
            pictures={"mutual information of codes and factors": heat_map(share, judged)},
            notes=left_out(subject, len(z), unjudged),
        )


WITHOUT_ERROR = {
    "dci": "takes too long for parts of the points",
    "irs": "rests on the largest distance, which parts do not show",
}
FIXED = {  # what the figures depend on besides the settings
    "codes": "centres of q(z|x)",
    "errors": f"spread over {NUM_PARTS} parts of the points, from {NUM_PARTS * FEWEST:,} points on",
    **{f"{key}_error": f"none: {reason}" for key, reason in WITHOUT_ERROR.items()},
    "dci_model": f"gradient boosted trees, depth {DEPTH}, rate {RATE}, 128 quantiles",
    "sap_model": "linear support vector machine, C = 0.01, balanced classes",
    "explicitness_model": "logistic regressions, one value against the rest",
    "beta_vae_model": "logistic regression",
}


def points_of(subject: Subject, n: int) -> tuple[Array, Array, list[str], list[str]]:
    """Return codes, factors that can be judged, their names, and those of the other factors.

    Raises:
        NotApplicable: If there are fewer than two factors, or a code is not finite.
    """
    names = subject.spec.factor_names
    if not names:
        raise NotApplicable("the data have no ground-truth factors")
    z, _, factors = subject.codes(n)
    assert factors is not None
    common = [is_common(column) for column in factors.T]
    judged = [name for name, kept in zip(names, common, strict=True) if kept]
    if len(judged) < 2:
        raise NotApplicable(
            f"fewer than two factors take two values {MIN_EXAMPLES} times each "
            f"among {len(z):,} examples: judge more, {more_examples(subject, len(z))}"
        )
    if not z.isfinite().all():
        raise NotApplicable("some codes are not finite")
    unjudged = [name for name in names if name not in judged]
    return z.double().numpy(), factors[:, common].numpy(), judged, unjudged


def left_out(subject: Subject, count: int, unjudged: Sequence[str]) -> list[str]:
    """Say which factors are in no figure, and what brings them in."""
    return [
        f"{name} was left out of every figure: no two of its values occur {MIN_EXAMPLES} times "
        f"each among the {count:,} examples judged. Where it has more values than one, judge more "
        f"examples: {more_examples(subject, count)}."
        for name in unjudged
    ]


def more_examples(subject: Subject, count: int) -> str:
    """Return what lets more than ``count`` examples be judged."""
    available = subject.count()
    if available > count:
        return "report.disentanglement.num_points=…"
    if subject.max_examples == available:
        return "max_examples=…"
    return "a larger test set (data.test_size=… or data.size=…), or an evaluation with split=train"


def is_common(factor: Tensor) -> bool:
    """Return whether two values of a factor ``(N,)`` occur often enough to be told apart."""
    return int((factor.unique(return_counts=True)[1] >= MIN_EXAMPLES).sum()) >= 2


def heat_map(share: Tensor, factors: Sequence[str]) -> Picture:
    """Draw what share of each factor's entropy each code tells, from ``(D, F)``."""
    return plots.matrix(share.T, factors, xlabel="code", named="share of the factor's entropy")
