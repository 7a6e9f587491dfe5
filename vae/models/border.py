"""What a user hands to a model, looked at once, before the nets see it."""

__all__ = ["Given", "check_fields", "check_given", "check_mask", "check_x", "known_steps_of"]

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from vae.batch import Batch, of_steps, within
from vae.checks import check_int
from vae.distributions import Likelihood
from vae.models.standardize import Standardize
from vae.supports import in_words, same_support

Given = Mapping[str, Tensor | float]  # (n, ...) each, or one number for all


def check_x(
    x: Any,
    likelihood: Likelihood | None,
    standardize: Standardize | None,
    weight: Tensor | None,
    *,
    scored: bool,
) -> None:
    """Refuse what are no examples of a model's data; see `check_examples`.

    Args:
        x: ``(B, *event)``.
        likelihood: The model's; ``None`` if any tensor of floating point will do.
        standardize: What stands between x and its nets.
        weight: A parameter of its nets.
        scored: As of `check_examples`.
    """
    if likelihood is None:
        check_type(x, None, exact=False)
        return
    dtype = None if weight is None or standardize is not None else weight.dtype
    exact = standardize is not None and standardize.shift.dtype == torch.float64
    check_examples(x, likelihood, dtype=dtype, exact=exact, scored=scored)


def known_steps_of(batch: Batch, likelihood: Likelihood) -> Any:
    """Return the steps of sequences that may be read, ``(N, *event)``, 0 where one is not known.

    Args:
        batch: ``x``, ``(B, T, *event)``, and if they are there ``length``, ``(B,)``, and ``mask``,
            ``(B, T)`` or ``(B, T, *event)``.
        likelihood: Of one step.

    Raises:
        ValueError: If the shape of x, length or mask is another, or a length below 1 or above T.
    """
    x, length, mask = batch["x"], batch.get("length"), batch.get("mask")
    if not isinstance(x, Tensor):
        return x
    event = likelihood.event_shape
    if x.dim() != 2 + len(event) or x.shape[2:] != event or 0 in x.shape[:2]:
        wanted = ", ".join(map(str, ("B", "T", *event)))
        raise ValueError(f"x has shape {tuple(x.shape)}; this model takes ({wanted})")
    if mask is not None:
        check_mask(mask, x)
        x = torch.where(of_steps(mask != 0, x), x, 0.0)
    if length is None:
        return x.flatten(0, 1)
    if length.dim() != 1:
        raise ValueError(f"length must be (B,), a number for each; got {tuple(length.shape)}")
    if ((length < 1) | (length > x.shape[1])).any():
        raise ValueError(
            f"lengths must lie in 1 to {x.shape[1]}, the steps of x; got {length.min().item()} to "
            f"{length.max().item()}"
        )
    return x[within(length, x.shape[1])]


def check_mask(mask: Tensor, x: Tensor) -> None:
    """Refuse a mask of sequences ``(B, T, *event)`` that is neither of steps nor of values.

    Raises:
        ValueError: If its shape is another.
    """
    if mask.shape not in (x.shape[:2], x.shape):
        raise ValueError(
            f"the mask has shape {tuple(mask.shape)}; expected {tuple(x.shape[:2])} of steps, or "
            f"{tuple(x.shape)} of values"
        )


def check_examples(
    x: Tensor,
    likelihood: Likelihood,
    *,
    dtype: torch.dtype | None = None,
    exact: bool = False,
    scored: bool = False,
) -> None:
    """Refuse what are no examples of a model's data.

    Args:
        x: ``(B, *event)``, B ≥ 1, of floating point.
        likelihood: Says which shape and values its examples have.
        dtype: The type of the nets; ``None`` means any of floating point.
        exact: Whether x must be float64, since float32 cannot tell the data's values apart.
        scored: Whether the density of x is asked for, and not only its code. An encoder of bits
            takes grey values too, as the probabilities of a one.

    Raises:
        TypeError: If x is no tensor of floating point, or of another type than is needed.
        ValueError: If its shape is another, or a value is not finite or outside the support.
    """
    check_type(x, dtype, exact=exact)
    if x.shape[1:] != likelihood.event_shape or len(x) == 0:
        wanted = ", ".join(map(str, likelihood.event_shape))
        raise ValueError(
            f"x has shape {tuple(x.shape)}; this model takes (B, {wanted}) with B of at least 1"
        )
    support = likelihood.support
    if same_support(support, constraints.boolean) and not scored:
        support = constraints.unit_interval
    # One question to the device; only a refusal asks more.
    if not (x.isfinite().all() & support.check(x).all()):
        raise ValueError(refusal(x, likelihood, support))


def check_type(x: object, dtype: torch.dtype | None, *, exact: bool) -> None:
    """Refuse all but tensors of floating point that the nets, or what standardises, can take."""
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor; got {type(x).__name__}: use torch.as_tensor(x)")
    if exact and x.dtype != torch.float64:
        raise TypeError(
            f"x must be torch.float64, since the data's values are too close for float32 to tell "
            f"apart; got {x.dtype}: use x.double() of the numbers as they are stored"
        )
    if not x.is_floating_point():
        raise TypeError(
            f"x must be of floating point; got {x.dtype}: use x.float(), or x.float() / 255 for "
            "bytes of a picture"
        )
    half = x.dtype in (torch.float16, torch.bfloat16)
    wide = dtype is not None and torch.promote_types(x.dtype, dtype) != dtype
    if dtype is not None and not exact and x.dtype != dtype and (half or wide):
        raise TypeError(f"x must be {dtype}, as the model is; got {x.dtype}: use x.to({dtype})")


def refusal(x: Tensor, likelihood: Likelihood, support: Constraint) -> str:
    """Say which values are not allowed."""
    bad = (~x.isfinite()).nonzero()
    if len(bad):
        place = tuple(bad[0].tolist())
        return f"x holds {x[place].item()} at index {place}; every value must be finite"
    low, high = (value.item() for value in x.aminmax())
    allowed, name = in_words(support), type(likelihood).__name__
    hint = ": binarise it, by x.round() or torch.bernoulli(x)" if 0 <= low <= high <= 1 else ""
    return f"x holds values from {low:g} to {high:g}; likelihood {name} takes {allowed}{hint}"


def check_fields(batch: Batch | Tensor, names: Sequence[str]) -> Batch:
    """Return a batch as a mapping that has the fields of these names; a tensor is x.

    Raises:
        TypeError: If it is neither, or a field is no tensor.
        ValueError: If a field is missing, or fields differ in length.
    """
    if isinstance(batch, Mapping):
        missing = [name for name in names if name not in batch]
        if missing:
            known = ", ".join(batch) or "none"
            raise ValueError(f"the model reads {', '.join(missing)}; the fields given are {known}")
        check_lengths(batch)
        return batch
    others = [name for name in names if name != "x"]
    if others:
        raise ValueError(f"the model reads {', '.join(names)}: give a mapping of all these fields")
    return {"x": batch}


def check_lengths(batch: Batch) -> None:
    """Refuse fields that are no tensors, or not of as many examples."""
    for name, value in batch.items():
        if name != "x" and not (isinstance(value, Tensor) and value.dim()):
            raise TypeError(f"{name} must be a tensor, (B, ...); got {value!r:.40}")
    lengths = {name: len(value) for name, value in batch.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the fields of a batch must be equally long; got {lengths}")


def check_given(
    given: Given | None, n: int, temperature: float | Mapping[str, float] = 1.0
) -> Batch:
    """Return the fields that samples are drawn for; a number alone is that of all.

    Raises:
        ValueError: If ``n`` is below 1, a temperature is not positive, or a field has another
            length than ``n``.
    """
    check_int("n", n)
    each = temperature.values() if isinstance(temperature, Mapping) else [temperature]
    for scale in each:
        if not isinstance(scale, int | float) or not 0 < scale < inf:
            raise ValueError(f"temperature must be above 0 and finite; got {scale}")
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise TypeError(f"given must hold fields by name, such as label; got {given!r:.40}")
    found = {name: for_all(value, n) for name, value in given.items()}
    for name, value in found.items():
        if isinstance(value, Tensor) and len(value) != n:
            raise ValueError(f"{name} must hold a value for each of {n} samples; got {len(value)}")
    check_lengths(found)
    return found


def for_all(value: Any, n: int) -> Any:
    """Return a number as ``(n,)`` of it, and what is no number as it is."""
    if isinstance(value, Tensor) and value.dim() == 0:
        return value.expand(n)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return torch.full((n,), value) if plain else value
