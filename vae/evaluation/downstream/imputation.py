"""How well a model fills in missing values, as a section of the report."""

__all__ = ["Imputation"]

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

import torch
from torch import Tensor

from vae.batch import Batch
from vae.evaluation.downstream.masks import MASKS, hidden
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.drawing.timelines import timelines
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.errors import root_mean_squared
from vae.evaluation.measures.figures import blocks
from vae.evaluation.measures.named import the_x
from vae.evaluation.section import Figure, NotApplicable, Section, averaged
from vae.evaluation.subject import BATCH, Subject
from vae.models import Model
from vae.models.imputing import Imputed, impute, samples_for

COLUMNS = 10  # pictures per row
ROWS = ("original", "known,\nmean filled in", "conditional mean", "one draw")
MIXED = 1.1  # R̂ above which chains disagree (Gelman and Rubin)


class Imputation(Evaluation):
    """Error of missing values filled in given the observed ones, beside two baselines; `impute`.

    The baselines are the training mean, and one pass of encoder and decoder with the training
    mean in place of what is missing. One chain of each example starts there, the others at samples
    of the model: where they still disagree in the end (R̂), they have not mixed.

    Args:
        mask: ``random`` places, the ``lower`` part, or a box in the ``center``.
        fraction: Share of the places that are hidden, in (0, 1).
        num_examples: How many, at least 1.
        chains: How many average for each example, at least 1.
        burn_in: Steps of pseudo-Gibbs sampling that do not count, ≥ 0.
        steps: Steps with a Metropolis correction that count, at least 1.
        num_train: Training examples that the mean is taken over, at least 1.
    """

    def __init__(
        self,
        mask: Literal["random", "lower", "center"] = "lower",
        *,
        fraction: float = 0.5,
        num_examples: int = 50,
        chains: int = 3,
        burn_in: int = 20,
        steps: int = 30,
        num_train: int = 5000,
    ) -> None:
        if mask not in MASKS:
            raise ValueError(f"mask must be one of {', '.join(MASKS)}; got {mask!r}")
        if not 0 < fraction < 1:
            raise ValueError(f"fraction must lie between 0 and 1; got {fraction}")
        if min(num_examples, chains, steps, num_train) < 1 or burn_in < 0:
            raise ValueError(
                "num_examples, chains, steps and num_train start at 1, burn_in at 0; got "
                f"{num_examples}, {chains}, {steps}, {num_train} and {burn_in}"
            )
        self.mask = mask
        self.fraction = fraction
        self.num_examples = num_examples
        self.chains = chains
        self.burn_in = burn_in
        self.steps = steps
        self.num_train = num_train

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Fill in the first examples of the subject's split."""
        model = subject.model
        refuse_sequences(model)
        at_once = max(1, subject.rows(BATCH * self.chains) // self.chains)
        batches = list(blocks(subject.batches(self.num_examples), model.fields, at_once))
        x = torch.cat([batch["x"] for batch in batches])
        mean = training_mean(subject, self.num_train)
        missing = hidden(self.mask, self.fraction, len(x), x.shape[1:]).to(x.device)
        if not missing.flatten(1).any():
            raise ValueError(f"a fraction of {self.fraction} hides nothing: raise it")
        parts = [
            self.imputed(subject, batch, rows, mean)
            for batch, rows in zip(batches, missing.split(at_once), strict=True)
        ]
        filled = torch.where(missing, mean, x)
        one_pass = [
            the_x(model.reconstruct({**batch, "x": part}))
            for batch, part in zip(batches, filled.split(at_once), strict=True)
        ]
        guesses = {
            "imputed": torch.cat([part.mean for part in parts]),
            "mean": filled,
            "one_pass": torch.cat(one_pass),
        }
        rows = [x, filled, guesses["imputed"], torch.cat([part.draw for part in parts])]
        seen = model.standardized
        figures = {
            f"rmse_{key}": rmse(key, seen(guess), seen(x), missing)
            for key, guess in guesses.items()
        }
        known, notes = chain_figures(parts, figures, missing)
        shown = timelines(seen(torch.stack(rows)[:, :COLUMNS]), subject.spec)
        return Section(
            "Imputation of missing values",
            figures | known,
            self.protocol(subject, len(x)),
            pictures={"imputations": picture_of(shown, ROWS, span=subject.value_range)},
            notes=notes,
        )

    def protocol(self, subject: Subject, num_examples: int) -> dict[str, Any]:
        """Return what the figures depend on."""
        return {
            "mask": self.mask,
            "fraction": self.fraction,
            "examples": num_examples,
            "chains": self.chains,
            "burn_in": self.burn_in,
            "steps": self.steps,
            "RMSE": "of values as the nets see them",
            "train_examples_of_the_mean": subject.count(self.num_train, "train"),
        }

    def imputed(self, subject: Subject, batch: Batch, missing: Tensor, mean: Tensor) -> Imputed:
        """Fill in a batch; the first chain starts at the mean, the others at samples."""
        start = mean.expand(1, *batch["x"].shape)
        if self.chains > 1:
            others = samples_for(subject.model, batch, self.chains - 1)
            start = torch.cat([start, others])
        return impute(
            subject.model,
            batch,
            missing,
            start,
            chains=self.chains,
            burn_in=self.burn_in,
            steps=self.steps,
            track=lambda steps: subject.track(steps, "imputation", self.burn_in + self.steps),
        )


NAMES = {
    "imputed": "conditional mean",
    "mean": "training mean",
    "one_pass": "one pass from the training mean",
}


def training_mean(subject: Subject, n: int) -> Tensor:
    """Return the mean of the first ``n`` training examples, ``(*event)``."""
    total, count = torch.zeros((), device=subject.device), 0
    for batch in subject.track_batches("training mean", n, "train"):
        total = total + batch["x"].sum(0)
        count += len(batch["x"])
    return total / count


def mixed(r_hat: list[Tensor]) -> tuple[dict[str, Figure], list[str]]:
    """Return how far the chains of each example agree, and a note where they do not."""
    if not r_hat:
        return {}, []
    values = torch.cat(r_hat)
    middle, share = values.median().item(), (values > MIXED).double().mean().item()
    figures = {
        "r_hat": Figure("R̂ of the chains, median", middle if isfinite(middle) else None),
        "unmixed": Figure(f"examples with R̂ above {MIXED}, share", share),
    }
    note = (
        f"In {share:.0%} of the examples the chains disagree (R̂ > {MIXED}): they have not mixed, "
        "and what they impute depends on where they start. Raise "
        "report.imputation.burn_in=… and report.imputation.steps=…"
    )
    return figures, [note] if share > 0 else []


def refuse_sequences(model: Model) -> None:
    """Refuse a model of sequences, of which another section judges the same.

    Raises:
        NotApplicable: If it is one.
    """
    if model.is_sequential:
        raise NotApplicable("the model is one of sequences: report=[missing_steps] judges those")


def rmse(key: str, guess: Tensor, x: Tensor, missing: Tensor) -> Figure:
    """Return the root mean squared error at the missing values; its error is over examples."""
    return root_mean_squared(f"RMSE at missing values, {NAMES[key]}", guess, x, missing)


def log_density(values: Tensor, missing: Tensor) -> Figure:
    """Return the mean of log p(missing | observed) over examples, with its standard error."""
    per_example = missing.sum().item() / len(values)
    name = f"log p(missing | observed), of {per_example:.0f} values"
    return averaged(name, values, "nats")


def chain_figures(
    parts: Sequence[Imputed], errors: Mapping[str, Figure], missing: Tensor
) -> tuple[dict[str, Figure], list[str]]:
    """Return what the chains say of themselves, and what a reader should know."""
    num_examples = len(missing)
    rate = sum(len(part.mean) / num_examples * part.acceptance for part in parts)
    figures = {"acceptance": Figure("accepted proposals, share", rate)}
    mixing, notes = mixed([part.r_hat for part in parts if part.r_hat is not None])
    figures |= mixing
    if errors["rmse_imputed"].value > errors["rmse_mean"].value:  # type: ignore[operator]
        notes.append(
            "The conditional mean is further off than the training mean, which the mean of "
            "mixed chains of a good model is not."
        )
    densities = [part.log_density for part in parts if part.log_density is not None]
    if densities:
        figures["log_density"] = log_density(torch.cat(densities), missing)
    return figures, notes
