"""Scheduled weights as tensors, for steps that are compiled or recorded once."""

__all__ = ["Held", "hold_schedules"]

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vae.objectives import Objective
from vae.objectives.schedule import Schedule, scheduled


class Held(Schedule):
    """A schedule whose value is a tensor that is moved from step to step.

    A recorded step would keep a number as it was, and so may compiled code: torch 2.11 did not
    notice that the step of an objective had changed.

    Args:
        place: The attributes of the part that it weighs, where it takes the schedule's place.
        name: Under which name.
        device: Where the step runs.
    """

    def __init__(self, place: dict[str, Any], name: str, device: torch.device) -> None:
        self.place = place
        self.name = name
        self.schedule: Schedule = place[name]
        self.value = torch.zeros((), device=device)
        place[name] = self

    def move(self, step: int) -> None:
        """Set the value to that at a step."""
        self.value.fill_(self.schedule(step))

    def __call__(self, step: int) -> Tensor:  # type: ignore[override]
        """Return the value that was set last, always in the same tensor."""
        return self.value

    def release(self) -> None:
        """Put the schedule back."""
        self.place[self.name] = self.schedule


def hold_schedules(objective: Objective, device: torch.device) -> Iterator[Held]:
    """Let every scheduled weight of an objective be a tensor, and yield them."""
    for part in objective.modules():
        for place, name in scheduled(part):
            yield Held(place, name, device)
