"""How a model of sequences goes on after their first steps, as a section of the report."""

__all__ = ["Forecast"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vae.batch import Batch, of_steps
from vae.checks import check_int
from vae.evaluation.drawing.over_time import Track, over_time
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.errors import crps, pooled, root_mean_squared
from vae.evaluation.over_time.steps import cut, known_of, last_of, sequences_of
from vae.evaluation.section import Figure, Section
from vae.evaluation.subject import Subject
from vae.models import RSSM, Model

AHEAD = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # steps that have a row
OUTSIDE = 0.05  # share of the draws on either side of the band
AT_ONCE = 1 << 24  # values that are drawn at once


class Forecast(Evaluation):
    """Error of what a model draws after the first part of each sequence, beside copying the last.

    The forecast is the mean of the draws; CRPS judges all of them, and is the absolute error of a
    forecast that is sure. Errors are in the units that the nets see.

    Args:
        share: How much of each sequence is given, in (0, 1).
        num_examples: How many sequences, at least 1.
        num_samples: Draws of each, at least 2.

    References:
        Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting, Raftery, 2007).
    """

    def __init__(
        self, share: float = 0.5, *, num_examples: int = 50, num_samples: int = 100
    ) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share must lie between 0 and 1; got {share}")
        check_int("num_examples", num_examples)
        check_int("num_samples", num_samples, low=2)
        self.share = share
        self.num_examples = num_examples
        self.num_samples = num_samples

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Go on with the first sequences of the subject's split, of two steps at least."""
        batch = sequences_of(subject, self.num_examples, least=2)
        length = batch["length"]
        start = (self.share * length).round().long().clamp(min=1).minimum(length - 1)
        steps = int((length - start).max())
        given = cut(batch, start)
        draws = self.drawn(subject, given, steps)
        last = last_of(given["x"], known_of(given))
        last = last[torch.arange(len(start)), start - 1].unsqueeze(1).expand(draws.shape[1:])
        truth, counts = later(batch, start, steps)
        seen = subject.model.standardized
        guesses = {"model": seen(draws.mean(0)), "last": seen(last)}
        figures = self.figures(seen(draws), seen(truth), guesses, counts)
        if subject.spec.support == "real":
            low, high = band_of(draws)
            within = ((low <= truth) & (truth <= high)).double()
            figures["coverage"] = pooled("values within the 90 % band, share", within, counts)
        by_step = errors_by_step(guesses, seen(truth), counts)
        return Section(
            "Forecast",
            figures,
            {
                "share": self.share,
                "examples": len(length),
                "num_samples": self.num_samples,
            },
            tables={
                "error by steps ahead": [row for row in by_step if row["steps ahead"] in AHEAD]
            },
            series={"by_step": by_step},
            pictures={"forecasts": picture(batch, start, draws)},
        )

    def drawn(self, subject: Subject, given: Batch, steps: int) -> Tensor:
        """Return draws of what follows, ``(S, B, steps, *event)``."""
        size = self.num_samples * steps * given["x"][0, 0].numel()
        rows = torch.arange(len(given["x"])).split(max(1, AT_ONCE // size))
        parts: list[Tensor] = []
        for part in subject.track(rows, f"{self.num_samples} continuations", len(rows)):
            few = {name: value[part.to(value.device)] for name, value in given.items()}
            parts.append(continuations(subject.model, few, steps, self.num_samples))
        return torch.cat(parts, 1)

    def figures(
        self, draws: Tensor, x: Tensor, guesses: dict[str, Tensor], counts: Tensor
    ) -> dict[str, Figure]:
        """Return the errors over all steps."""
        model, last = guesses["model"], guesses["last"]
        return {
            "rmse": root_mean_squared("RMSE, mean of the draws", model, x, counts),
            "rmse_last": root_mean_squared("RMSE, copy of the last value", last, x, counts),
            "crps": pooled("CRPS of the draws", crps(draws, x), counts),
            "crps_last": pooled("CRPS, copy of the last value", (last - x).abs(), counts),
        }


def continuations(model: Model, given: Batch, steps: int, num_samples: int) -> Tensor:
    """Draw what follows, ``(S, B, steps, *event)``; a world is told the actions that lead there."""
    if not isinstance(model, RSSM):
        found: Tensor = model.continued(given, steps, num_samples)  # type: ignore[operator]
        return found
    width, actions = given["x"].shape[1], None
    seen = {name: v[:, :width] if name in ("action", "reset") else v for name, v in given.items()}
    if "action" in given:
        actions = following(given["action"], given["length"], steps)
    return model.continued(seen, steps, num_samples, actions=actions, noise=True)


def following(value: Tensor, start: Tensor, steps: int) -> Tensor:
    """Return the values from each start on, ``(B, steps, ...)``; beyond the last, the last."""
    places = start[:, None] + torch.arange(steps, device=start.device)
    rows = torch.arange(len(value), device=value.device)[:, None]
    return value[rows, places.clamp(max=value.shape[1] - 1)]


def later(batch: Batch, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the values of x after each start, and which are known, ``(B, steps, *event)``."""
    x, known = batch["x"], known_of(batch)
    places = start[:, None] + torch.arange(steps, device=start.device)
    inside = of_steps(places < x.shape[1], x)
    return following(x, start, steps), following(known, start, steps) & inside


def errors_by_step(
    guesses: dict[str, Tensor], x: Tensor, counts: Tensor
) -> Sequence[dict[str, Any]]:
    """Return the errors of each step ahead at which a value is known."""
    rows = []
    for step in range(x.shape[1]):
        known = counts[:, step]
        if known.any():
            errors = {
                name: root_mean_squared("", guess[:, step], x[:, step], known).value
                for name, guess in guesses.items()
            }
            rows.append(
                {
                    "steps ahead": step + 1,
                    "RMSE": errors["model"],
                    "copy of the last value": errors["last"],
                    "sequences": int(known.flatten(1).any(1).sum()),
                }
            )
    return rows


def band_of(draws: Tensor) -> tuple[Tensor, Tensor]:
    """Return the draws ``(S, *shape)`` between which 90 % of further ones would lie."""
    order, count = draws.sort(0).values, len(draws)
    place = max(0, int(OUTSIDE * (count + 1)) - 1)
    return order[place], order[count - 1 - place]


def picture(batch: Batch, start: Tensor, draws: Tensor) -> Any:
    """Draw the first sequences, the mean of what was drawn after each start, and the band."""
    x, steps = batch["x"], draws.shape[2]
    low, high = band_of(draws)
    places = start[:, None] + torch.arange(steps, device=start.device)
    shown = []
    for value in (draws.mean(0), low, high):
        whole = x.new_full((len(x), x.shape[1] + steps, *x.shape[2:]), torch.nan)
        rows = torch.arange(len(x), device=x.device)[:, None]
        whole[rows, places] = value
        shown.append(whole[:, : x.shape[1]])
    mean, *band = shown
    tracks = [
        Track("data", x, known=known_of(batch)),
        Track("forecast, 90 % of the draws", mean, band=(band[0], band[1])),
    ]
    return over_time(tracks, batch["length"], start)
