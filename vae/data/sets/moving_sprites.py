"""Moving sprites: a disc that actions push about a box, as sequences of small pictures."""

__all__ = ["MovingSpriteExamples", "MovingSprites"]

from collections.abc import Mapping
from typing import NamedTuple, final

import torch
from torch import Tensor

from vae.checks import check_int, check_range
from vae.data.source import Examples, Source, Splits
from vae.data.uniform import uniform
from vae.spec import DataSpec

RADIUS = 0.125  # of the disc, in sides of the picture
PUSH, TOP = 0.03, 0.1  # of an action of 1, and the greatest speed on an axis, sides a step
CHANGE = 0.25  # chance of another action at a step
NUMBERS = 8  # uniform ones that a step takes


class Course(NamedTuple):
    """What moves and where, ``(N, T, ...)``.

    Attributes:
        position: Of the centre, in pixels to the right and down, ``(N, T, 2)`` float32.
        action: Which led there, in [−1, 1], ``(N, T, 2)`` float32; 0 where an episode begins.
        reset: Whether an episode begins, bool ``(N, T)``.
    """

    position: Tensor
    action: Tensor
    reset: Tensor


@final
class MovingSpriteExamples(Examples):
    """Sequences of pictures, drawn where they are read.

    Args:
        course: Of N sequences.
        rows: ``(N,)`` int64, the number of each.
        side: Of a picture, in pixels.
    """

    labels = None

    def __init__(self, course: Course, rows: Tensor, side: int) -> None:
        self.course, self.numbers, self.side = course, rows, side
        self.fields: Mapping[str, Tensor] = course._asdict()

    @property
    def factors(self) -> None:
        """None: positions are no whole numbers, and stand among the fields."""

    @property
    def rows(self) -> Tensor:
        """``(N,)`` int64: the numbers of the sequences, of which each is a function."""
        return self.numbers

    @property
    def device(self) -> torch.device:
        """Where the positions are."""
        return self.numbers.device

    @property
    def num_bytes(self) -> int:
        """How much memory the positions, actions and resets take."""
        return sum(part.nbytes for part in self.course)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, indices: Tensor) -> Tensor:
        """Return ``(B, T, 1, side, side)`` uint8 pictures of 0 and 1 at ``indices`` ``(B,)``."""
        line = torch.arange(self.side, dtype=torch.float32, device=self.device)
        x, y = self.course.position[indices].unsqueeze(-1).unbind(-2)
        across, down = (line - x).square(), (line - y).square()
        inside = down[..., None] + across[..., None, :] <= (RADIUS * self.side) ** 2
        return inside.unsqueeze(2).to(torch.uint8)

    def subset(self, indices: Tensor) -> "MovingSpriteExamples":
        """Return the sequences at ``indices`` ``(M,)``."""
        course = Course(*(part[indices] for part in self.course))
        return MovingSpriteExamples(course, self.numbers[indices], self.side)

    def to(self, device: torch.device) -> "MovingSpriteExamples":
        """Return the same sequences, drawn on ``device``."""
        course = Course(*(part.to(device) for part in self.course))
        return MovingSpriteExamples(course, self.numbers.to(device), self.side)


@final
class MovingSprites(Source):
    """A white disc on black that actions push about and that the sides of the picture throw back.

    A step adds the action, times 0.03 of the side, to the velocity, at most 0.1 of the side a step
    on each axis, and the velocity to the position. An action, uniform on [−1, 1]², stays the same
    for four steps on average. Now and then an episode ends, and another begins anywhere.

    A sequence is a function of the seed and its number alone. Fields: ``action`` ``(T, 2)``, to the
    right and down, which led to the picture; ``reset`` ``(T,)``, whether it begins an episode;
    ``position`` ``(T, 2)``, of the centre, in pixels.

    Args:
        size: N, how many sequences, at least 1.
        steps: T, pictures of each, at least 1.
        side: Of a picture, in pixels, at least 8.
        reset_rate: Chance that an episode begins at a step after the first, in [0, 1].
        seed: Of all of it, at least 0.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> MovingSprites(10, steps=5, side=16).spec.shape
        (5, 1, 16, 16)
    """

    def __init__(
        self,
        size: int = 5000,
        *,
        steps: int = 24,
        side: int = 32,
        reset_rate: float = 0.02,
        seed: int = 0,
    ) -> None:
        check_int("data.size", size)
        check_int("data.steps", steps)
        check_int("data.side", side, low=8)
        check_range("data.reset_rate", reset_rate, 0, 1)
        check_int("data.split_seed", seed, low=0)
        self.size, self.steps, self.side = size, steps, side
        self.reset_rate, self.seed = reset_rate, seed

    @property
    def spec(self) -> DataSpec:
        """Shape of a sequence, and its fields."""
        return DataSpec(
            name="moving_sprites",
            shape=(self.steps, 1, self.side, self.side),
            support="boolean",
            levels=2,
            fields={
                "position": {"shape": (self.steps, 2), "dtype": "float32"},
                "action": {"shape": (self.steps, 2), "dtype": "float32"},
                "reset": {"shape": (self.steps,), "dtype": "bool"},
            },
        )

    def prepare(self) -> None:
        """Do nothing: the sequences need no files."""

    def load(self) -> Splits:
        """Move the discs."""
        rows = torch.arange(self.size)
        noise = uniform(rows, self.steps * NUMBERS, self.seed).double()
        course = course_of(noise.view(self.size, self.steps, NUMBERS), self.side, self.reset_rate)
        return Splits(MovingSpriteExamples(course, rows, self.side))


def course_of(noise: Tensor, side: int, reset_rate: float) -> Course:
    """Return where discs go.

    Args:
        noise: Uniform on [0, 1), ``(N, T, 8)``.
        side: Of a picture, in pixels.
        reset_rate: Chance of another episode at a step.
    """
    low, high = RADIUS * side, (1 - RADIUS) * side - 1
    reset = noise[..., 0] < reset_rate
    reset[:, 0] = True
    begun = low + (high - low) * noise[..., 1:3], (2 * noise[..., 3:5] - 1) * TOP * side
    changes, others = noise[..., 5:6] < CHANGE, 2 * noise[..., 6:8] - 1
    place, speed, held = begun[0][:, 0], begun[1][:, 0], others[:, 0]
    positions, actions = [], []
    for t in range(noise.shape[1]):
        anew = reset[:, t, None]
        held = torch.where(changes[:, t] | anew, others[:, t], held)
        speed = (speed + PUSH * side * held).clamp(-TOP * side, TOP * side)
        place, speed = thrown_back(place + speed, speed, low, high)
        place = torch.where(anew, begun[0][:, t], place)
        speed = torch.where(anew, begun[1][:, t], speed)
        positions.append(place)
        actions.append(torch.where(anew, 0.0, held))
    return Course(torch.stack(positions, 1).float(), torch.stack(actions, 1).float(), reset)


def thrown_back(place: Tensor, speed: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Return position and velocity after the bounce of what went beyond a side."""
    inside = place.clamp(low, high)
    return 2 * inside - place, torch.where(place == inside, speed, -speed)
