"""How a model of sequences fills in what is missing, as a section of the report."""

__all__ = ["MissingSteps"]

from typing import Literal

import torch
from torch import Tensor

from vae.batch import Batch, of_steps
from vae.checks import check_int
from vae.evaluation.drawing.over_time import Track, over_time
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.errors import root_mean_squared
from vae.evaluation.measures.named import the_x
from vae.evaluation.over_time.steps import interpolated, known_of, last_of, sequences_of
from vae.evaluation.section import Section
from vae.evaluation.subject import Subject

NAMES = {
    "model": "model",
    "last": "last known value",
    "lines": "lines between known values",
}


class MissingSteps(Evaluation):
    """Error at steps or values that are hidden at random, beside two guesses without a model.

    The model is told by ``mask`` what is hidden, and gives the mean of p(x|z) at the centre of
    q(z | what is shown). Errors are in the units that the nets see.

    Args:
        hide: Whole ``steps``, or single ``values``.
        fraction: How much is hidden, in (0, 1).
        num_examples: How many sequences, at least 1.
    """

    def __init__(
        self,
        hide: Literal["steps", "values"] = "steps",
        *,
        fraction: float = 0.3,
        num_examples: int = 100,
    ) -> None:
        if hide not in ("steps", "values"):
            raise ValueError(f"hide must be steps or values; got {hide!r}")
        if not 0 < fraction < 1:
            raise ValueError(f"fraction must lie between 0 and 1; got {fraction}")
        check_int("num_examples", num_examples)
        self.hide = hide
        self.fraction = fraction
        self.num_examples = num_examples

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Fill in the first sequences of the subject's split."""
        batch = sequences_of(subject, self.num_examples)
        x, known = batch["x"], known_of(batch)
        hidden = self.hidden(x) & known
        if not hidden.any():
            raise ValueError(f"a fraction of {self.fraction} hides nothing: raise it")
        shown = known & ~hidden
        guesses = {
            "model": the_x(subject.model.reconstruct(self.told(batch, hidden))),
            "last": last_of(x, shown),
            "lines": interpolated(x, shown),
        }
        seen = subject.model.standardized
        figures = {
            f"rmse_{key}": root_mean_squared(
                f"RMSE at missing values, {NAMES[key]}", seen(guess), seen(x), hidden
            )
            for key, guess in guesses.items()
        }
        tracks = [
            Track("model", guesses["model"]),
            Track("known", x, known=shown, points=True),
            Track("missing", x, known=hidden, points=True),
        ]
        return Section(
            "Missing steps",
            figures,
            {"hide": self.hide, "fraction": self.fraction, "examples": len(x)},
            pictures={"missing steps": over_time(tracks, batch["length"])},
        )

    def hidden(self, x: Tensor) -> Tensor:
        """Return what is hidden, ``(B, T, *event)``, drawn from the global random state."""
        shape = x.shape[:2] if self.hide == "steps" else x.shape
        return of_steps(torch.rand(shape) < self.fraction, x).to(x.device).expand(x.shape)

    def told(self, batch: Batch, hidden: Tensor) -> dict[str, Tensor]:
        """Return the batch that a model is given, in which nothing hidden is left."""
        x, mask = batch["x"], batch.get("mask")
        shown = ~hidden
        if mask is not None:
            shown = shown & of_steps(mask != 0, x)
        of_step = self.hide == "steps" and (mask is None or mask.dim() == 2)
        return {
            **batch,
            "x": torch.where(shown, x, 0.0),
            "mask": shown.flatten(2)[..., 0] if of_step and x.dim() > 2 else shown,
        }
