"""Which examples a model was judged on: equal for equal values, whatever settings made them."""

__all__ = ["fingerprint"]

from hashlib import sha256

import torch
from torch import Tensor

from vae.data import EvalBatches

HASHED = 1000  # examples: settings that change what is judged change all of them, or the number


def fingerprint(batches: EvalBatches, total: int) -> str:
    """Return a hash of some examples as a model sees them, of what else is known of them.

    Args:
        batches: Of the first `HASHED` examples, on the CPU: a GPU divides by 255 with another
            rounding.
        total: How many examples are judged.
    """
    found = sha256(f"{total}".encode())
    for batch in batches:
        found.update(content(batch["x"]))
    examples = batches.examples
    for known in (examples.labels, examples.factors, *examples.fields.values()):
        found.update(b"" if known is None else content(known))
    return found.hexdigest()[:16]


def content(x: Tensor) -> bytes:
    """Return shape, type and values."""
    values = x.detach().cpu().contiguous()
    return f"{tuple(x.shape)} {x.dtype}".encode() + values.view(torch.uint8).numpy().tobytes()
