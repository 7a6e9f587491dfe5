"""An objective with penalties beside it."""

__all__ = ["Penalized"]

from collections.abc import Mapping
from typing import final

from torch import Tensor, nn

from vae.objectives.objective import START, Objective, Progress
from vae.trace import Trace


@final
class Penalized(Objective):
    """The terms of an objective and those of any number of penalties on the same trace.

    Args:
        objective: Usually a bound; it says how many latents are drawn.
        penalties: Further objectives by name, whose terms are added.

    Raises:
        ValueError: If two of them have a term of one name.
    """

    def __init__(self, objective: Objective, penalties: Mapping[str, Objective]) -> None:
        super().__init__(objective.samples)
        self.objective = objective
        self.penalties = nn.ModuleDict(penalties)
        parts = (objective, *penalties.values())
        self.fields = tuple(dict.fromkeys(name for part in parts for name in part.fields))

    def figures(self, trace: Trace) -> dict[str, Tensor]:
        """Return those of the objective."""
        return self.objective.figures(trace)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return all terms."""
        terms: dict[str, Tensor] = {}
        for part in (self.objective, *self.penalties.values()):
            assert isinstance(part, Objective)
            for name, term in part(trace, at).items():
                if name in terms:
                    raise ValueError(f"objective and penalties have two terms named {name}")
                terms[name] = term
        return terms
