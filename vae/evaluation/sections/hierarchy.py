"""What each level of a hierarchy holds, in figures, words and pictures."""

__all__ = ["Hierarchy"]

from typing import Any

import torch
from torch import Tensor

from vae.batch import Batch
from vae.checks import check_int, check_range
from vae.distributions import NoTemperature
from vae.draws import Centers, FromPrior, kept
from vae.evaluation.drawing.plots import bars
from vae.evaluation.drawing.reconstructions import reconstructions
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.by_level import UNUSED, ByLevel, is_unused, levels_of, told
from vae.evaluation.measures.named import given_of, the_x
from vae.evaluation.section import Figure, Section, standard_error
from vae.evaluation.subject import Subject
from vae.models.fields import means_of

ROWS = 8  # of reconstructions in the picture
NUMBERS = ("KL (nats)", "worth (nats)", "its standard error")  # by which a level is judged


class Hierarchy(Evaluation):
    """KL of each level, and reconstructions whose lower levels come from the prior.

    Args:
        num_examples: The first so many of the split, at least 2.
        columns: Examples in the picture, 1 to 100.
        temperature: Of the levels that come from the prior, in the picture alone, above 0.

    References:
        Ladder Variational Autoencoders (Sønderby et al., 2016), 1602.02282.
        Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images
        (Child, 2020), 2011.10650.
    """

    def __init__(
        self, num_examples: int = 1000, *, columns: int = 10, temperature: float = 0.5
    ) -> None:
        check_int("num_examples", num_examples, low=2)
        check_range("columns", columns, 1, 100)
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0; got {temperature}")
        self.num_examples, self.columns, self.temperature = num_examples, columns, temperature

    def __call__(self, subject: Subject) -> Section:
        """Measure on the subject's split.

        Raises:
            NotApplicable: If the model has not several levels.
        """
        model = subject.model
        batch = subject.examples(subject.count(self.columns))
        names = levels_of(model, batch)
        by_level = ByLevel(model, names)
        for some in subject.track_batches("levels", self.num_examples):
            by_level.update(some)
        rows = rows_of(by_level)
        numbers = [[row[key] for key in NUMBERS] for row in rows]
        notes = [told(n, *of_level) for n, of_level in zip(names, numbers, strict=True)]
        temperature = self.temperature
        try:
            pictures = pictures_of(subject, names, batch, rows, temperature)
        except NoTemperature as reason:
            notes.append(f"What comes from the prior is drawn at T = 1: {reason}.")
            temperature = 1.0
            pictures = pictures_of(subject, names, batch, rows, temperature)
        used = sum(not is_unused(*of_level) for of_level in numbers)
        kl, (without, *_, whole) = by_level.kl.sum(0), by_level.log_px
        figures = {
            "levels": Figure("levels", len(names)),
            "used_levels": Figure("levels in use", used),
            "kl": Figure("KL(q ‖ p) of all levels", kl.mean().item(), "nats", standard_error(kl)),
            "gain": Figure(
                "log p(x|z) gained by them",
                (whole - without).mean().item(),
                "nats",
                standard_error(whole - without),
            ),
        }
        return Section(
            "Levels",
            figures,
            {"num_examples": kl.shape[0], "temperature": temperature, "unused_kl": UNUSED},
            tables={"levels from the highest": rows},
            pictures=pictures,
            notes=notes,
        )


def pictures_of(
    subject: Subject,
    names: list[str],
    batch: Batch,
    rows: list[dict[str, Any]],
    temperature: float,
) -> dict[str, Any]:
    """Draw the KL of each level, and what the highest say of x."""
    counts = shown(len(names))
    originals = reconstructions(subject.model, batch)[0]
    pictures = [from_highest(subject, names[:k], batch, temperature) for k in counts]
    labels = [f"top {k}\n{names[k - 1]}" for k in counts]
    return {
        "KL by level": bars(
            [row["KL (nats)"] for row in rows],
            xlabel="level, from the highest",
            ylabel="KL (nats)",
            names=names,
        ),
        "reconstructions from the highest levels": picture_of(
            torch.stack([originals, *pictures]), ["original", *labels], span=subject.value_range
        ),
    }


@torch.no_grad()
def from_highest(subject: Subject, names: list[str], batch: Batch, temperature: float) -> Tensor:
    """Return reconstructions from some levels at their centres, ``(B, *event)``."""
    model, n = subject.model, len(batch["x"])
    with torch.random.fork_rng():
        torch.manual_seed(subject.seed)
        rest = FromPrior(n, temperature)
        drawn = model.ran(batch, Centers(likelihoods=False))
        found = means_of(model.ran(given_of(model, batch), kept(drawn, names, rest)), n)
    return model.standardized(the_x(found))


def rows_of(by_level: ByLevel) -> list[dict[str, Any]]:
    """Return the table of the levels."""
    rows = []
    worth = by_level.log_px.diff(dim=0)
    for name, kl, gained in zip(by_level.names, by_level.kl, worth, strict=True):
        rows.append(
            {
                "level": name,
                "KL (nats)": kl.mean().item(),
                "standard error": standard_error(kl),
                "worth (nats)": gained.mean().item(),
                "its standard error": standard_error(gained),
            }
        )
    return rows


def shown(count: int) -> list[int]:
    """Return of how many levels there are rows in the picture: of all, if they are few.

    Example:
        >>> shown(3), shown(40)
        ([1, 2, 3], [1, 7, 12, 18, 23, 29, 34, 40])
    """
    if count <= ROWS:
        return list(range(1, count + 1))
    return [round(1 + i * (count - 1) / (ROWS - 1)) for i in range(ROWS)]
