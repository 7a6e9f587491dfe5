"""Pictures as every measure of quality wants them: with values in [0, 1]."""

__all__ = ["View"]

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vae.evaluation.drawing.render import stretched
from vae.evaluation.section import NotApplicable
from vae.evaluation.subject import Subject


@dataclass(frozen=True)
class View:
    """Maps the values of a data set to [0, 1]; what lies outside is clamped, as on a screen.

    Args:
        low: What becomes 0.
        high: What becomes 1, above ``low``.
    """

    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, subject: Subject) -> "View":
        """Return the view of a subject's data, in which they are drawn as well.

        Raises:
            NotApplicable: If the examples are no pictures.
        """
        spec = subject.spec
        if len(spec.shape) != 3:
            raise NotApplicable(f"pictures only: examples of {spec.name} have shape {spec.shape}")
        return cls(*subject.value_range)

    def __call__(self, x: Tensor) -> Tensor:
        """Return pictures ``(N, C, H, W)`` with values in [0, 1]."""
        return stretched(x, (self.low, self.high))

    @property
    def protocol(self) -> dict[str, Any]:
        """What a report says of it."""
        return {"pictures": "means of p(x|z)", "value_range": [self.low, self.high]}
