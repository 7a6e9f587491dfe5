"""What a world foresees from actions alone, as a section of the report."""

__all__ = ["OpenLoop"]

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vae.batch import Batch
from vae.checks import check_choice, check_int, check_range
from vae.evaluation.drawing.movies import MovieFormat, check_movie
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import curves
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.evaluation import NO_WORLD, Evaluation
from vae.evaluation.over_time.steps import known_of, last_of
from vae.evaluation.section import Figure, NotApplicable, Section, averaged
from vae.evaluation.subject import Subject
from vae.models import RSSM

TOLD = (1, 5, 10, 15, 20, 30, 50)  # steps ahead that have a figure, and the last one
BEFORE = 3  # steps of the context that a strip shows


class Errors(NamedTuple):
    """Squared errors of steps ahead, means over the values of a step, ``(N, H)``.

    Attributes:
        model: Of the mean of the model's draws.
        copy: Of the last step that was seen.
        counts: Which have a known value: before the end of the sequence, and of the same episode,
            bool.
    """

    model: Tensor
    copy: Tensor
    counts: Tensor


class OpenLoop(Evaluation):
    """Some steps are seen, the others foreseen from the actions alone, beside what came.

    The state is drawn from q over the first steps, then from p; what is foreseen is the mean of
    p(x|h, z), of several draws their mean. Its squared error, a mean over the values of a step,
    stands beside that of the last step seen. Steps after the end of an episode do not count, nor
    does what is missing.

    Args:
        context: How many steps are seen, at least 1.
        horizon: How many are foreseen, at least 1; fewer where sequences are shorter.
        num_samples: Draws of each sequence, at least 1.
        num_examples: Sequences, the first of the split, at least 1.
        columns: Sequences in the pictures, 1 to 20.
        movie: ``gif``, ``mp4`` or ``none``.

    References:
        Learning Latent Dynamics for Planning from Pixels (Hafner et al., 2018), 1811.04551.
    """

    of_predictions = None

    def __init__(
        self,
        context: int = 8,
        horizon: int = 15,
        num_samples: int = 10,
        num_examples: int = 200,
        columns: int = 5,
        movie: MovieFormat = "gif",
    ) -> None:
        check_int("context", context)
        check_int("horizon", horizon)
        check_int("num_samples", num_samples)
        check_int("num_examples", num_examples)
        check_range("columns", columns, 1, 20)
        check_choice("movie", movie, ("gif", "mp4", "none"))
        check_movie(movie)
        self.context, self.horizon, self.num_samples = context, horizon, num_samples
        self.num_examples, self.columns, self.movie = num_examples, columns, movie

    def __call__(self, subject: Subject) -> Section:
        """Measure on the first sequences of the subject's split.

        Raises:
            NotApplicable: If the model is no world, or sequences are no longer than the context.
        """
        model = subject.model
        if not isinstance(model, RSSM):
            raise NotApplicable(NO_WORLD)
        horizon = min(self.horizon, subject.spec.shape[0] - self.context)
        if horizon < 1:
            raise NotApplicable(
                f"sequences of {subject.spec.shape[0]} steps have none after a context of "
                f"{self.context}: set report.open_loop.context"
            )
        found, shown = [], None
        for batch in subject.track_batches("open loop", self.num_examples):
            draws = foreseen(model, batch, self.context, horizon, self.num_samples)
            found.append(errors_of(draws.mean(0), batch, self.context))
            shown = (batch, draws[0]) if shown is None else shown
        assert shown is not None
        errors = Errors(*(torch.cat(part).cpu() for part in zip(*found, strict=True)))
        lines = lines_of(errors)
        return Section(
            "Open-loop prediction",
            figures_of(errors),
            {**vars(self), "horizon": horizon},
            series={name: values for name, (_, values) in lines.items()},
            pictures={
                "error by step": curves(
                    lines, xlabel="steps ahead", ylabel="squared error", marker="."
                ),
                **pictures_of(*shown, self.context, self.columns, subject.value_range, self.movie),
            },
            movie_format=self.movie,
        )


@torch.no_grad()
def foreseen(model: RSSM, batch: Batch, context: int, horizon: int, num_samples: int) -> Tensor:
    """Return what draws foresee after the context, ``(K, B, horizon, *event)``."""
    seen = {name: v if v.dim() == 1 else v[:, :context] for name, v in batch.items()}
    actions = batch["action"][:, context : context + horizon] if "action" in batch else None
    return model.continued(seen, horizon, num_samples, actions=actions)


def errors_of(found: Tensor, batch: Batch, context: int) -> Errors:
    """Return the errors of what was foreseen, ``(B, H, *event)``."""
    steps = slice(context, context + found.shape[1])
    known, x = known_of(batch), batch["x"][:, steps]
    last = last_of(batch["x"][:, :context], known[:, :context])[:, -1:]
    known = known[:, steps]
    counts = known.flatten(2).any(2)
    if "reset" in batch:
        counts = counts & (batch["reset"][:, steps].cumsum(1) == 0)
    total = known.flatten(2).sum(2).clamp_min(1)
    squares = (torch.where(known, value - x, 0.0).square() for value in (found, last))
    model, copy = (square.flatten(2).sum(2) / total for square in squares)
    return Errors(model, copy, counts)


def figures_of(errors: Errors) -> dict[str, Figure]:
    """Return the errors of some steps ahead, each with that of copying."""
    figures, last = {}, errors.model.shape[1]
    for step in [n for n in TOLD if n < last] + [last]:
        counts = errors.counts[:, step - 1]
        if not counts.any():
            continue
        for name, values, words in (
            ("open_loop", errors.model, "squared error"),
            ("copy", errors.copy, "the same of the last step seen"),
        ):
            mean = averaged(
                f"{words}, {step} step{'s' * (step > 1)} ahead", values[counts, step - 1].double()
            )
            figures[f"{name}_mse_{step}"] = mean
    return figures


def lines_of(errors: Errors) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    """Return the mean errors by step, of the model and of copying."""
    counts = errors.counts.double()
    total = counts.sum(0).clamp_min(1)
    steps = list(range(1, errors.model.shape[1] + 1))
    return {
        name: (steps, ((values * counts).sum(0) / total).tolist())
        for name, values in (("model", errors.model), ("last step seen", errors.copy))
    }


def pictures_of(
    batch: Batch,
    draw: Tensor,
    context: int,
    columns: int,
    span: tuple[float, float],
    movie: MovieFormat,
) -> dict[str, Picture]:
    """Return what came above what one draw foresaw: of pictures as strips and as a movie."""
    x = torch.where(known_of(batch), batch["x"], torch.nan)[:columns, : context + draw.shape[1]]
    both = torch.stack([x, torch.cat([x[:, :context], draw[:columns]], 1)])
    names = ["data", "foreseen"]
    if both.dim() == 4:  # vectors: each number is a line over time
        return {"foreseen": picture_of(both.transpose(2, 3), names, span=span)}
    if both.dim() != 6:
        return {}
    rows = both[:, :, max(0, context - BEFORE) :].transpose(0, 1).flatten(0, 1)
    drawn = {"foreseen": picture_of(rows, names * both.shape[1], span=span)}
    if movie != "none":
        drawn["foreseen moving"] = picture_of(both, names, span=span)
    return drawn
