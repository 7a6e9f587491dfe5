"""Scheduled weights as tensors, for steps that are compiled or recorded once."""

__all__ = ["ScheduledWeights"]

from typing import Any

import torch

from vae.objectives import Objective, Progress, Schedule
from vae.objectives.schedule import schedules_of


class ScheduledWeights:
    """Sets the scheduled weights of an objective before each step.

    A recorded step would keep a number as it was, and a compiled one would be compiled again for
    each: there a weight is always the same tensor. Its schedule is called here, where it may be any
    function of the step. The number of samples is a shape and stays a number.

    Args:
        objective: With its penalties.
        num_examples: Size of the training data.
        device: Where the steps run.
    """

    def __init__(self, objective: Objective, num_examples: int, device: torch.device) -> None:
        self.num_examples = num_examples
        self.samples = objective.samples
        self.schedules = {id(schedule): schedule for schedule in schedules_of(objective)}
        self.values: dict[int, Any] = {k: torch.zeros((), device=device) for k in self.schedules}

    def at(self, step: int) -> Progress:
        """Set all weights to those of a step, and return where training stands."""
        for key, schedule in self.schedules.items():
            self.values[key].fill_(schedule(step))
        if isinstance(self.samples, Schedule):
            self.values[id(self.samples)] = int(self.samples(step))
        return Progress(step, self.num_examples, self.values)
