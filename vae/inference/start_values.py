"""The values of latents at which q starts, as one vector of reals."""

__all__ = ["start_vector"]

from collections.abc import Mapping

import torch
from torch import Tensor

from vae.inference.space import Space


def start_vector(space: Space, start: Mapping[str, Tensor | float], dtype: torch.dtype) -> Tensor:
    """Return the vector ``(D,)`` of one value of every latent.

    Raises:
        ValueError: If a value is none of its latent.
    """
    values = {name: value_of(name, value, dtype) for name, value in start.items()}
    for name, value in values.items():
        shape = space.shapes.get(name)
        if shape is not None and value.shape != shape:
            wanted = "one number" if shape == () else f"of shape {shape}"
            raise ValueError(
                f"start of {name} must be {wanted}, as its values are; got shape "
                f"{tuple(value.shape)}"
            )
    return space.unconstrain(values)


def value_of(name: str, value: object, dtype: torch.dtype) -> Tensor:
    """Return a value as a tensor.

    Raises:
        ValueError: If it is none.
    """
    try:
        return torch.as_tensor(value, dtype=dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"start of {name} must be a number or a tensor; got {value!r:.60}"
        ) from error
