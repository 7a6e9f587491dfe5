"""The ways between examples, as a section of the report."""

__all__ = ["Interpolations"]

from typing import Literal

import torch
from torch import Tensor

from vae.checks import check_choice, check_range
from vae.evaluation.drawing.movies import MovieFormat, check_movie
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.reconstructions import decoded
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.drawing.timelines import timelines
from vae.evaluation.drawing.walks import Way, interpolate, slerp, switch
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.named import need_values, need_x_alone
from vae.evaluation.measures.variables import Variables, study
from vae.evaluation.section import NotApplicable, Section
from vae.evaluation.subject import Subject

WAYS: dict[str, Way] = {"linear": torch.lerp, "spherical": slerp}


def flat(way: Way) -> Way:
    """Return a way between vectors as one between events of any shape, ``(B, *event)``."""

    def between(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
        return way(start.flatten(1), end.flatten(1), weight).view_as(start)

    return between


NO_LINE = "a straight line between unit vectors leaves the sphere; spherical interpolation does not"
NO_SPHERE = "spherical interpolation is for an isotropic normal prior, which this model has not"


class Interpolations(Evaluation):
    """What lies between two examples' latents.

    Linear and spherical; the latter for priors of the isotropic normal kind alone, see `slerp`, and
    between unit vectors, where there is no other.
    One-hot variables have no points in between, and switch one after another; see `switch`. In the
    movie several rounds at once pass through a few examples each and end where they began.

    Args:
        pairs: Of examples, a row for each path, 1 to 50.
        steps: Pictures per row, the ends included, 2 to 100.
        path: ``linear``, ``spherical`` or ``both``: those that suit the prior.
        movie: ``gif``, ``mp4`` or ``none``.
        frames: Of the movie, from one example to the next, 2 to 100.
        rounds: In the movie, 1 to 10.
        stops: Examples in each round, 2 to 20.

    References:
        Sampling Generative Networks (White, 2016), 1609.04468.
    """

    def __init__(
        self,
        pairs: int = 5,
        steps: int = 9,
        path: Literal["linear", "spherical", "both"] = "both",
        movie: MovieFormat = "gif",
        frames: int = 10,
        rounds: int = 5,
        stops: int = 4,
    ) -> None:
        check_range("pairs", pairs, 1, 50)
        check_range("steps", steps, 2, 100)
        check_choice("path", path, (*WAYS, "both"))
        check_movie(movie)
        check_range("frames", frames, 2, 100)
        check_range("rounds", rounds, 1, 10)
        check_range("stops", stops, 2, 20)
        self.pairs, self.steps, self.path = pairs, steps, path
        self.movie, self.frames, self.rounds, self.stops = movie, frames, rounds, stops

    def __call__(self, subject: Subject) -> Section:
        """Pass between the first examples of the subject's split.

        Raises:
            NotApplicable: If ``path`` does not suit the latents, there is only one example, or the
                model has several latents or reads more than x.
        """
        need_x_alone(subject.model, "an interpolation")
        variables = study(subject.model, subject.batches(1))
        need_values(variables.draws)
        ways = self.ways(variables)
        x = subject.examples(max(2 * self.pairs, self.rounds * self.stops))["x"]
        if len(x) < 2:
            raise NotApplicable("an interpolation needs two examples")
        with torch.no_grad():
            z = subject.model.embed(x)
        if len(z) != len(x):
            raise NotApplicable("an interpolation needs latents of each example; all share these")
        if not variables.one_hot:  # a way between vectors, of whatever shape the latent is
            ways = {name: flat(way) for name, way in ways.items()}
        pictures = {"interpolations": self.rows(subject, z, ways)}
        if self.movie != "none":
            pictures["interpolations moving"] = self.film(subject, z, ways)
        return Section(
            "Interpolations",
            protocol={"path": list(ways)},
            pictures=pictures,
            movie_format=self.movie,
        )

    def ways(self, variables: Variables) -> dict[str, Way]:
        """Return the paths that were asked for and suit the latents, by name."""
        if variables.on_sphere:
            if self.path == "linear":
                raise NotApplicable(NO_LINE)
            return {"spherical": slerp}
        if self.path == "spherical" and not variables.isotropic:
            raise NotApplicable(NO_SPHERE)
        if variables.one_hot:
            return {"switching": switch}
        names = [self.path] if self.path in WAYS else ["linear", "spherical"]
        return {name: WAYS[name] for name in names if name == "linear" or variables.isotropic}

    def rows(self, subject: Subject, z: Tensor, ways: dict[str, Way]) -> Picture:
        """Draw the pairs below each other, the paths of one pair next to each other."""
        pairs = min(self.pairs, len(z) // 2)
        ends = z[:pairs], z[pairs : 2 * pairs]
        paths = torch.stack([interpolate(*ends, self.steps, way) for way in ways.values()], 1)
        rows = decoded(subject.model, paths.flatten(0, 1), 2, max_rows=subject.max_rows)
        rows = timelines(rows, subject.spec)
        return picture_of(rows, list(ways) * pairs, span=subject.value_range)

    def film(self, subject: Subject, z: Tensor, ways: dict[str, Way]) -> Picture:
        """Draw the rounds side by side, a row for each path."""
        stops = min(self.stops, len(z))
        rounds = min(self.rounds, len(z) // stops)
        begin = z[: rounds * stops].unflatten(0, (rounds, stops))
        ends = begin.flatten(0, 1), begin.roll(-1, 1).flatten(0, 1)
        legs = [interpolate(*ends, self.frames + 1, way)[:, :-1] for way in ways.values()]
        paths = torch.stack(legs).unflatten(1, (rounds, stops)).flatten(2, 3)
        frames = decoded(subject.model, paths.movedim(2, 0), 3, max_rows=subject.max_rows)
        frames = timelines(frames, subject.spec)
        return picture_of(frames, list(ways), span=subject.value_range, moving=True)
