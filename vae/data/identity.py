"""Which data a run is trained on: told at a cost that no start notices, and compared afterwards."""

__all__ = ["changes", "changes_since", "check_same", "hashed", "identity"]

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from vae.data.source import Examples, Splits, TensorExamples
from vae.data.sums import block_sums

WHOLE = 1 << 30  # bytes of values up to which all count: some tenths of a second
PART = 1 << 26  # bytes of values that count of more
READ = 64  # examples that count of those that are read or drawn whenever they are needed
NOUNS = {"values": "other values", "labels": "other labels", "factors": "other factors"}
Identity = dict[str, dict[str, Any]]


def identity(splits: Splits) -> Identity:
    """Return what tells the examples of each part from others, before they are split and binarised.

    Labels, factors and further fields count wholly, and so do values up to a gigabyte; of more,
    those of examples evenly spread over all. Of tar files it is where each example lies and how
    long it is, and the values of some; of what is drawn, the values of some.
    """
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    return {name: identified(examples) for name, examples in parts.items() if examples is not None}


def identified(examples: Examples) -> dict[str, Any]:
    """Return number and hashes of some examples."""
    known = {"labels": examples.labels, "factors": examples.factors}
    return {
        "examples": len(examples),
        "values": hashed(*some(examples)),
        **{name: hashed(found) for name, found in known.items()},
        **{f"field {name}": hashed(found) for name, found in examples.fields.items()},
    }


def some(examples: Examples) -> list[Tensor | None]:
    """Return the values that count, and where they lie."""
    total = len(examples)
    if isinstance(examples, TensorExamples):
        if examples.num_bytes <= WHOLE and examples.index is None:
            return [examples.x]
        count = max(1, PART * total // examples.num_bytes)
    else:
        count = READ
    rows = torch.linspace(0, total - 1, min(total, count), dtype=torch.float64).long()
    return [examples.places, examples.take(rows.to(examples.device))]


def hashed(*found: Tensor | None) -> str:
    """Return a hash of shapes, types and values."""
    digest = sha256()
    for x in found:
        if x is not None:
            digest.update(f"{tuple(x.shape)} {x.dtype}".encode() + block_sums(x).tobytes())
    return digest.hexdigest()[:16]


def check_same(state: Any, now: Identity) -> None:
    """Refuse to go on with other data than those of a checkpoint.

    Raises:
        ValueError: Naming what is another.
    """
    if told := changes_since(state, now):
        raise ValueError(
            f"the data are not those that the run was trained on: {told}. Put them back, or start "
            "a new run from its weights: init=<the run's folder>"
        )


def changes_since(state: Any, now: Identity) -> str:
    """Say what is another in data than in those of a checkpoint.

    Args:
        state: What it holds of them, which may be anything; ``None`` in one from before it did.
        now: What `identity` gave.
    """
    if state is None:
        return ""
    return changes(state.get("identity") if isinstance(state, dict) else state, now)


def changes(before: Any, now: Identity) -> str:
    """Say what is another in data than it was; nothing if they are the same.

    Args:
        before: What `identity` gave then, but it may be anything.
        now: What it gives now.
    """
    if before == now:
        return ""
    if not isinstance(before, Mapping) or set(before) != set(now):
        return "other parts"
    for part, found in now.items():
        then = before[part] if isinstance(before[part], Mapping) else {}
        if then.get("examples") != found["examples"]:
            old = then.get("examples")
            number = f"{old:,}" if isinstance(old, int) else "unknown"
            return f"the part {part} had {number} examples and has {found['examples']:,} now"
        for name, value in found.items():
            if then.get(name) != value:
                return f"the part {part} holds {NOUNS.get(name, f'another {name}')}"
    return "other data"
