"""A weight that is a normal distribution: what layers are handed where none is drawn."""

__all__ = ["AFFINE", "NormalWeight"]

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae.bayesian.weight_estimators import Normals, WeightEstimator

# The layers that may be handed one: all that they do with a weight is one of the `MAPS`.
AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d)
MAPS: dict[Callable[..., Tensor], int] = {F.linear: 0, F.conv1d: 1, F.conv2d: 2}  # moved along


class NormalWeight(Tensor):
    """Stands in a layer for a weight or bias of which only the posterior is known.

    The layer runs as it is written. Its matrix product or convolution is made by the estimator;
    whatever else would read the weight is refused. Shape, type and device are those of the mean.

    Attributes:
        loc: μ, any shape.
        scale: σ, of the same shape.
        estimator: Draws the layer's output.
    """

    loc: Tensor
    scale: Tensor
    estimator: WeightEstimator

    @classmethod
    def of(cls, loc: Tensor, scale: Tensor, estimator: WeightEstimator) -> "NormalWeight":
        """Return the weight N(μ, σ²)."""
        made: NormalWeight = torch.Tensor._make_subclass(cls, loc.detach(), False)
        made.loc, made.scale, made.estimator = loc, scale, estimator
        return made

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Draw the output of a linear or convolutional layer.

        Raises:
            ValueError: If something else is to be done with the weight.
        """
        if func in MAPS:
            return drawn(func, *args, **(kwargs or {}))
        if getattr(func, "__name__", "") in ("__get__", "dim", "size"):
            return super().__torch_function__(func, types, args, kwargs)
        raise ValueError(
            f"{getattr(func, '__name__', func)} reads a weight that was not drawn: use the "
            "estimator PlainSampling for this net"
        )


def drawn(
    func: Callable[..., Tensor],
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *settings: Any,
    **named: Any,
) -> Tensor:
    """Return a draw of what a map makes of x and of normal weights."""
    assert isinstance(weight, NormalWeight)
    of_bias = (bias.loc, bias.scale) if isinstance(bias, NormalWeight) else (bias, None)
    layer = partial(with_settings, func, settings, named)
    normals = Normals(weight.loc, weight.scale, *of_bias)
    return weight.estimator(layer, x, normals, spatial=MAPS[func])


def with_settings(
    func: Callable[..., Tensor],
    settings: Sequence[Any],
    named: Mapping[str, Any],
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """Return what a map makes of x and weights, with the stride and the like that it was given."""
    return func(x, weight, bias, *settings, **named)
