"""What a user hands to a model, looked at once, before the nets see it."""

__all__ = ["check_examples", "check_latent_shape"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from vae.distributions import Likelihood
from vae.supports import in_words, same_support


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


def check_latent_shape(z: Tensor, event_shape: Sequence[int]) -> None:
    """Refuse latents of another shape than ``(*lead, *event_shape)``.

    Raises:
        ValueError: If their last dimensions are others.
    """
    if z.shape[max(0, z.dim() - len(event_shape)) :] != tuple(event_shape):
        wanted = ", ".join(map(str, event_shape))
        raise ValueError(f"z has shape {tuple(z.shape)}; this model decodes (..., {wanted})")
