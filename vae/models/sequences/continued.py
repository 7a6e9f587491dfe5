"""How sequences may go on, drawn from any model of sequences."""

__all__ = ["continued"]

from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from vae.batch import Batch
from vae.checks import check_int
from vae.draws import Continuing, Draws

D = TypeVar("D", bound=Draws)


class OfSequences(Protocol):
    """What is asked of a model."""

    def ran(self, batch: Batch, draws: D) -> D:
        """Run the model; see `Model.ran`."""

    def check(self, batch: Batch | Tensor) -> Batch:
        """Refuse what are no examples; see `Model.check`."""


@torch.no_grad()
def continued(
    model: OfSequences, batch: Batch | Tensor, steps: int, num_samples: int = 1
) -> Tensor:
    """Draw the values after the end of each sequence.

    Latents of the steps that are known are drawn from q(z|x), those of later steps from the prior.

    Args:
        model: In evaluation mode.
        batch: Fields ``(B, ...)``, or x, ``(B, T, *event)``.
        steps: How many steps, at least 1.
        num_samples: K, draws of each sequence, at least 1.

    Returns:
        ``(K, B, steps, *event)``.

    Raises:
        TypeError: If x is no tensor of floating point, or a wider one than the model.
        ValueError: If a number is below 1, a field is missing, or x is not of the data.
    """
    check_int("steps", steps)
    check_int("num_samples", num_samples)
    batch = dict(model.check(batch))
    x = batch["x"]
    full = torch.full((len(x),), x.shape[1], device=x.device)
    length = batch.setdefault("length", full)
    for name in ("x", "mask"):
        if name in batch:
            value = batch[name]
            batch[name] = pad(value, (0, 0) * (value.dim() - 2) + (0, steps))
    values = model.ran(batch, Continuing(num_samples)).observed["x"].x
    assert values is not None
    places = length[:, None] + torch.arange(steps, device=length.device)
    rows = torch.arange(len(x), device=length.device)[:, None]
    return values[:, rows, places]
