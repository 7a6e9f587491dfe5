"""What parts of a model can do about where their parameters start, before the first step."""

__all__ = ["Examples", "StartsAtOutput", "StartsFromCodes", "StartsFromData", "StartsFromField"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

# n to the first n training examples, as the nets see them; n and a name to another field of theirs
Examples = Callable[..., Tensor]


class StartsFromData(ABC):
    """A part whose parameters start at training data; see `vae.start_at_data`."""

    @abstractmethod
    def initialize(self, examples: Examples) -> None:
        """Set the parameters that depend on the data.

        Args:
            examples: Called with a number, gives so many training examples, ``(N, *event)``, or as
                many as there are; with the name of a field too, what that holds of the same ones.
        """


class StartsFromCodes(ABC):
    """A prior that can start at the codes of training data; see `vae.starting.start_prior`."""

    @abstractmethod
    def start_at_codes(self, codes: Tensor) -> None:
        """Set the parameters from draws of q(z|x), one for each example, ``(N, *event)``."""


class StartsFromField(ABC):
    """A part that starts at another field of the training data than x; see `vae.start_at_data`.

    Attributes:
        field: Its name.
    """

    field: str

    @abstractmethod
    def start_from(self, values: Tensor, mask: Tensor | None = None) -> None:
        """Take what depends on the data from the field of all training examples, ``(N, ...)``.

        Args:
            values: The field.
            mask: What of the examples is known, of data that have such a field.
        """


class StartsAtOutput(ABC):
    """A net that can start as one that gives the same output whatever it is given.

    Attributes:
        start_at_mean: Whether, as a decoder, it is to start at the mean of the training data;
            ``None``: if the likelihood has such a start.
        only_start: Its settings that say where training starts, and nothing afterwards.
    """

    start_at_mean: bool | None = False
    only_start: ClassVar[tuple[str, ...]] = ("start_at_mean",)

    def pooled(self, mean: Tensor) -> Tensor:
        """Return a mean of the data as the net can start at it: averaged where one bias serves all.

        The log-odds of an average are not the average of log-odds.
        """
        return mean

    @abstractmethod
    def start_at(self, output: Tensor) -> None:
        """Let the output, ``out_shape``, be this one, about which the net varies."""
