"""The values of an array: bits among bytes, range, and advice where training will be hard."""

__all__ = ["advice", "as_bits", "natural_support", "told_range"]

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae.data.formats.headers import BLOCK, load_array, stored_bytes
from vae.data.source import Examples
from vae.spec import DataSpec

GLANCE = 1 << 20  # values that are looked at where a part of all will do
FEWEST = 20  # examples from which deviations are told apart
WIDE = 100  # values, or ratios of widths, from which nets train badly


def natural_support(path: Path, keys: Sequence[str], dtype: np.dtype) -> str:
    """Return where the values of some arrays of a file lie, by their type and, of bytes, values.

    Raises:
        ValueError: If the file is damaged, or the type leaves several supports.
    """
    if dtype == np.uint8:
        return "boolean" if holds_bits(path, keys) else "unit_interval"
    if dtype == np.bool_:
        return "boolean"
    if dtype.kind == "f":
        return "real"
    raise ValueError(f"{path} holds {dtype}{integer_advice(path, keys)}")


def holds_bits(path: Path, keys: Iterable[str]) -> bool:
    """Say whether arrays of bytes hold nothing but 0 and 1; the first larger value ends the search.

    Raises:
        ValueError: If the file is damaged.
    """
    greatest = 0
    for key in keys:
        for block in stored_bytes(path, key):
            greatest = max(greatest, int(block.max()))
            if greatest > 1:
                return False
    return greatest == 1


def integer_advice(path: Path, keys: Sequence[str]) -> str:
    """Return what to do about integers of another type than uint8."""
    arrays = [load_array(path, key, mapped=not key) for key in keys]
    low, high = min(int(a.min()) for a in arrays), max(int(a.max()) for a in arrays)
    found = f" from {low} to {high}"
    if low >= 0 and high == 1:
        return f"{found}: set data.support=boolean to read 0 and 1 as bits."
    if low >= 0 and high <= 255:
        return (
            f"{found}: store uint8 if these are levels of 0…255 (x.astype('uint8')), or set "
            "data.support=real if they are counts or measurements."
        )
    return f"{found}: set data.support=real to read them as real numbers."


def as_bits(x: np.ndarray, path: Path) -> np.ndarray:
    """Return an array ``(N, *event)`` that was declared to hold 0 and 1 as uint8.

    Raises:
        ValueError: If it holds anything else: of a file, any byte may claim to be a bool.
    """
    bits = x.view(np.uint8)
    rows = max(1, BLOCK // bits[0].size)
    for start in range(0, len(bits), rows):
        if bits[start : start + rows].max() > 1:
            if x.dtype == np.bool_:
                raise ValueError(f"{path} is damaged: a bool is neither 0 nor 1.")
            raise ValueError(
                f"{path} was declared boolean (0 or 1) but holds values between {x.min()} and "
                f"{x.max()}; rescale it, or declare another support."
            )
    return bits


def spread(count: int, size: int) -> Tensor:
    """Return ``(n,)`` indices of examples of so many values each, all or evenly spread."""
    return torch.linspace(0, count - 1, min(count, max(1, GLANCE // size))).round().long()


def told_range(examples: Examples, dtype: np.dtype, spec: DataSpec) -> str:
    """Return the range of examples of a stored type and what becomes of it, for the summary."""
    if spec.levels == 2:
        return f"{dtype}, 0 and 1"
    rows = spread(len(examples), spec.num_dims)
    low, high = (v.item() for v in examples.take(rows).aminmax())
    part = "" if len(rows) == len(examples) else f" among {len(rows):,} examples"
    scale = ", divided by 255" if spec.levels == 256 else ""
    return f"{dtype} from {low:g} to {high:g}{part}{scale}"


def advice(examples: Examples, spec: DataSpec, *, standardized: bool) -> str | None:
    """Return what to do about real values on which nets train badly, or ``None``.

    Args:
        examples: To train on.
        spec: What they are.
        standardized: Whether they are standardised.
    """
    if spec.support != "real" or standardized or examples.files is not None:
        return None
    rows = spread(len(examples), spec.num_dims).to(examples.device)
    x = examples.take(rows).double()
    low, high = (v.item() for v in x.aminmax())
    whole = bool((x == x.round()).all())
    if low >= 0 and 128 <= high <= 255 and (whole or len(spec.shape) == 3):
        return "values of 0…255 look like bytes: store them as uint8, or divide them by 255"
    vectors = len(spec.shape) == 1
    can = vectors or spec.of_sequences
    remedy = "use data.standardize=true" if can else "divide them, so that they are near 1"
    if max(-low, high) > WIDE:
        return f"values from {low:.3g} to {high:.3g} train badly: {remedy}"
    widths = x.std(0, correction=0)
    widths = widths[widths > 0]
    known = len(x) >= FEWEST  # of a few the deviations are too uncertain
    if vectors and known and len(widths) and widths.max() > WIDE * widths.min():
        return (
            f"deviations from {widths.min():.3g} to {widths.max():.3g} per dimension train badly: "
            f"{remedy}"
        )
    return None
