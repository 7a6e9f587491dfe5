"""Which examples a model was judged on: equal for equal values, whatever settings made them."""

__all__ = ["fingerprint"]

from hashlib import sha256

import torch
from torch import Tensor

from vae.data import EvalBatches

HASHED = 1000  # examples: settings that change what is judged change all of them, or the number


def fingerprint(batches: EvalBatches, total: int, block: int) -> str:
    """Return a hash of some examples as a model sees them, of what else is known of them.

    Args:
        batches: Of the first `HASHED` examples, on the CPU: a GPU divides by 255 with another
            rounding.
        total: How many examples are judged.
        block: How many examples the hash has the shape of, a multiple of the batches' size: it is
            the same however many are read at once.
    """
    found, examples = sha256(f"{total}".encode()), batches.examples
    done = 0
    for x in (batch["x"] for batch in batches):
        if done % block == 0:
            found.update(header(x, min(block, len(examples) - done)))
        found.update(values_of(x))
        done += len(x)
    for known in (examples.labels, examples.factors, *examples.fields.values()):
        found.update(b"" if known is None else content(known))
    return found.hexdigest()[:16]


def content(x: Tensor) -> bytes:
    """Return shape, type and values."""
    return header(x, len(x)) + values_of(x)


def header(x: Tensor, rows: int) -> bytes:
    """Return the shape of so many rows, and the type."""
    return f"{(rows, *x.shape[1:])} {x.dtype}".encode()


def values_of(x: Tensor) -> bytes:
    """Return the values."""
    return x.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
