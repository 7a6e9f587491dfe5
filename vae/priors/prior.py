"""What every prior is: a module that returns p(z)."""

__all__ = ["Prior", "refuse_fields"]

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import nn
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint


class Prior(nn.Module, ABC):
    """A distribution p(z) of batch shape ``()``, learned or not.

    Any other module that returns one, such as a flow of zuko, serves as a prior just as well.

    Attributes:
        support: Where the latents live, as a `torch.distributions.constraints` constraint.
        event_shape: Shape of one latent. Where either is ``None``, the distribution is asked.
        conditional: Whether it is p(z|y): then it is called with fields ``(B, ...)`` and returns a
            distribution of batch shape ``(B,)``.
        trained_with: Fields that it reads besides in training, ``(B, ...)`` each and by keyword:
            then it returns a distribution of batch shape ``(B,)`` too.
    """

    support: Constraint | None = None
    event_shape: tuple[int, ...] | None = None
    conditional: bool = False
    trained_with: Sequence[str] = ()

    @abstractmethod
    def forward(self) -> Distribution:
        """Return p(z)."""


def refuse_fields(conditional: bool | None, other: str) -> None:
    """Refuse to make a prior conditional that has nothing to learn.

    Args:
        conditional: Whether that is asked for.
        other: A prior of the command line that learns, over the same latents.

    Raises:
        ValueError: If it is.
    """
    if conditional:
        raise ValueError(
            "it has no parameters, and is the same for all fields: use "
            f"prior={other} prior.conditional=true"
        )
