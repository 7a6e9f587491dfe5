"""What each latent variable does, as a section of the report."""

__all__ = ["Traversals"]

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch

from vae.checks import check_choice, check_int, check_range
from vae.evaluation.drawing.movies import MovieFormat, check_movie, there_and_back
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.drawing.timelines import timelines
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.moving import most_used, moved, starts_of, values_of
from vae.evaluation.measures.variables import DRAWS, Variables, study_all
from vae.evaluation.section import NotApplicable, Section
from vae.evaluation.subject import Subject


class Traversals(Evaluation):
    """One latent variable moves and the others stay, those of the greatest KL first.

    A real variable moves over quantiles at equal steps of probability, a one-hot variable through
    its categories. All other latents stay at the centres of the example that is started from, whose
    other fields, such as a label, hold too; of a latent of several dimensions a variable is one
    channel at one position. In the movie all variables move at once, each in its own row, from
    every start.

    Args:
        max_dims: How many variables, the most used ones, 1 to 100.
        starts: Examples to start from, a picture each, 1 to 20.
        steps: Pictures per row, 2 to 100; of one-hot variables at most the categories.
        within: Whose quantiles: of the ``prior``, or of the aggregate ``posterior`` of the
            examples, which shows what the model does where it was trained.
        tail: Probability of the values beyond either end, 1e-6 to 0.49.
        num_examples: Examples that the KL and the aggregate posterior are taken over, at least 1.
        movie: ``gif``, ``mp4`` or ``none``.
        frames: Of the movie, one way, 2 to 100.
    """

    def __init__(
        self,
        max_dims: int = 10,
        starts: int = 3,
        steps: int = 9,
        within: Literal["prior", "posterior"] = "prior",
        tail: float = 0.01,
        num_examples: int = 1000,
        movie: MovieFormat = "gif",
        frames: int = 16,
    ) -> None:
        check_range("max_dims", max_dims, 1, 100)
        check_range("starts", starts, 1, 20)
        check_range("steps", steps, 2, 100)
        check_range("frames", frames, 2, 100)
        check_choice("within", within, ("prior", "posterior"))
        check_range("tail", tail, 1e-6, 0.49)
        check_int("num_examples", num_examples)
        check_movie(movie)
        self.max_dims, self.starts, self.steps = max_dims, starts, steps
        self.within, self.tail, self.num_examples = within, tail, num_examples
        self.movie, self.frames = movie, frames

    def __call__(self, subject: Subject) -> Section:
        """Move the variables from the first examples of the subject's split."""
        model, batches = subject.model, subject.track_batches("latents", self.num_examples)
        latents = study_all(model, batches)
        chosen = most_used(latents, self.max_dims)
        if not chosen:
            raise NotApplicable("the model has no latent variable that could be moved")
        labels = [latents[name].label(dim) for name, dim in chosen]
        span = subject.value_range
        starts = starts_of(model, subject.examples(self.starts), latents)
        names = ["traversals", *(f"traversals {i}" for i in range(2, len(starts) + 1))]
        pictures, ends = {}, partial(values_of, tail=self.tail, within=self.within)
        values = ends(latents, chosen, self.steps)
        for name, start in zip(names, starts, strict=True):
            rows = moved(model, start, chosen, values, max_rows=subject.max_rows)
            rows = timelines(rows, subject.spec, start[1].get("length"))
            pictures[name] = picture_of(rows, labels, span=span)
        if self.movie != "none":
            values = ends(latents, chosen, self.frames)
            films = [
                moved(model, start, chosen, values, max_rows=subject.max_rows) for start in starts
            ]
            frames = timelines(torch.stack(films, 2).transpose(0, 1), subject.spec)
            movie = picture_of(frames, labels, span=span, moving=True)
            pictures["traversals moving"] = replace(movie, pixels=there_and_back(movie.pixels))
        return Section(
            "Traversals",
            protocol=self.protocol(latents),
            pictures=pictures,
            movie_format=self.movie,
        )

    def protocol(self, latents: Mapping[str, Variables]) -> dict[str, Any]:
        """Say which values the variables take and what orders them."""
        low, high = self.tail, 1 - self.tail
        of = "prior" if self.within == "prior" else "aggregate posterior"
        all_of = list(latents.values())
        told = {
            "one category after another" if one.one_hot else f"quantiles {low:g} to {high:g}, {of}"
            for one in all_of
        }
        return {
            "order": "KL" if all_of[0].splits else "variance of the posterior's centre",
            "values": "; ".join(sorted(told)),
            "num_examples": max(len(one.draws) for one in all_of) // DRAWS,
        }
