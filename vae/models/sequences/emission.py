"""The likelihood of every step of a sequence, as one of the whole sequence."""

__all__ = ["Emission", "observe", "observe_as_read", "stacked"]

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import Conditional, Likelihood
from vae.distributions.each_step import over_steps
from vae.draws import Draws
from vae.from_data import Examples, StartsFromData
from vae.models.sequences.padded import Padded


class Emission(nn.Module, StartsFromData):
    """p(x_t | …), the same part at every step; called, it makes that of all steps.

    Args:
        step: The part, given tensors ``(*lead, ...)``.
        fields: What the data hold beside x: ``length``, ``mask``.
    """

    def __init__(self, step: Conditional, fields: Sequence[str] = ()) -> None:
        super().__init__()
        self.step = step
        self.fields = tuple(fields)

    @property
    def likelihood(self) -> Likelihood | None:
        """The head of one step, if it is one of data."""
        head = self.step.head
        return head if isinstance(head, Likelihood) else None

    def forward(self, *given: Tensor) -> Distribution:
        """Map tensors ``(K, B, T, ...)`` to p(x | …), batch ``(K, B)``, event ``(T, *event)``."""
        return over_steps(self.step(*given))

    def initialize(self, examples: Examples) -> None:
        """Start a learned scale, and the output of the net, at the known steps of the data."""
        self.step.initialize(partial(known_steps, examples, self.fields))


def known_steps(examples: Examples, fields: Sequence[str], n: int, /) -> Tensor:
    """Return so many steps of training sequences, ``(N, *event)``: the wholly known ones, if any.

    Else those of which something is known.
    """
    sequences = max(1, n // examples(1).shape[1])
    batch = {"x": examples(sequences)}
    batch |= {name: examples(sequences, name) for name in ("length", "mask") if name in fields}
    event = batch["x"].shape[2:]
    padded = Padded(batch, event, batch["x"].shape[1], told=False)
    steps = padded.filled.flatten(0, 1)
    if padded.known is None:
        return steps
    whole = padded.known.flatten(2).all(2).flatten()
    if not whole.any():  # there x has the mean where a value is missing
        return batch["x"].flatten(0, 1)[padded.known.flatten(2).any(2).flatten()]
    return steps[whole]


def observe(draws: Draws, sequences: Padded, px: Callable[[], Distribution]) -> None:
    """Say what the sequences are of a model that does not read them as it generates."""
    if not draws.continues:
        draws.observe("x", px, sequences.x, mask=sequences.known)
        return
    made = px()
    x = draws.fed(lambda: made, sequences.x, sequences.known)
    draws.observe("x", made, x)


def observe_as_read(
    draws: Draws, sequences: Padded, px: Callable[[], Distribution], values: Sequence[Tensor]
) -> None:
    """Say what the sequences are of a model that reads each step's values for the next.

    Args:
        draws: Is told.
        sequences: What is known.
        px: Makes p(x|…) of all steps.
        values: Those that the model went on with, step by step, if it did not take what is known.
    """
    if values:
        draws.observe("x", px(), stacked(values))
    else:
        draws.observe("x", px, sequences.x, mask=sequences.known)


def stacked(steps: Sequence[Tensor]) -> Tensor:
    """Return what each step is given, ``(K, B, ...)`` each, as ``(K, B, T, ...)``."""
    return torch.stack(torch.broadcast_tensors(*steps), 2)
