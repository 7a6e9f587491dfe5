"""Refusals of values that are not what was declared."""

__all__ = ["check_values"]

import torch
from torch import Tensor

from vae.data.source import Examples
from vae.spec import DataSpec

CHUNK = 4096  # examples that are looked at at once, if they are not larger than this
CHUNK_BYTES = 1 << 26


def check_values(examples: Examples, spec: DataSpec) -> None:
    """Look at every float value once.

    Raises:
        ValueError: If a value is NaN or infinite, or lies outside the declared support.
    """
    rows = max(1, min(CHUNK, CHUNK_BYTES // (4 * spec.num_dims)))
    if examples.files is not None:
        return  # each is looked at whenever it is read
    for start in range(0, len(examples), rows):
        indices = torch.arange(start, min(start + rows, len(examples)), device=examples.device)
        x = examples.take(indices)
        if x.dtype == torch.uint8:
            # Bytes cannot leave [0, 255], and sources that store bits make them themselves.
            return
        _check_finite(x, spec.name, start)
        _check_support(x, spec)


def _check_finite(x: Tensor, name: str, start: int) -> None:
    # One sum instead of a mask over everything: a sum of finite values is finite here, unless
    # they are huge, and then the mask decides.
    if torch.isfinite(x.sum()):
        return
    bad = (~torch.isfinite(x)).nonzero()
    if len(bad):
        first = bad[0]
        value = x[tuple(first)].item()
        index = (start + int(first[0]), *first[1:].tolist())
        raise ValueError(
            f"{name} holds {value} at index {index}; every value must be finite, and below 3e38, "
            "which is the end of float32. Remove or replace such examples."
        )


def _check_support(x: Tensor, spec: DataSpec) -> None:
    low, high = (v.item() for v in torch.aminmax(x))
    if spec.support == "boolean" and not ((x == 0) | (x == 1)).all():
        raise ValueError(
            f"{spec.name} was declared boolean (0 or 1) but holds values between {low:g} and "
            f"{high:g}; rescale it, or declare another support."
        )
    if spec.support == "unit_interval" and (low < 0 or high > 1):
        raise ValueError(
            f"{spec.name} was declared to lie in [0, 1] but holds values between {low:g} and "
            f"{high:g}; rescale it, store 0…255 as uint8, or use data.support=real."
        )
