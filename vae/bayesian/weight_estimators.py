"""How the output of a layer with normal weights is drawn, with less noise or more.

A layer is an `Affine` map ``y = f(x, w, b)``, linear in w and b: a matrix product or a convolution
with its strides, paddings and groups.
"""

__all__ = ["Affine", "Flipout", "LocalReparameterization", "PlainSampling", "WeightEstimator"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, final

import torch
from torch import Tensor

Affine = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # x, weight, bias to y
LEAST_VARIANCE = 1e-30  # of an output whose inputs are all 0, where a square root has no slope


class Normals(NamedTuple):
    """Means and deviations of a layer's weight and bias; those of the bias ``None`` without one."""

    loc: Tensor
    scale: Tensor
    bias_loc: Tensor | None = None
    bias_scale: Tensor | None = None


class WeightEstimator(ABC):
    """A way from normal weights to a layer's output.

    Attributes:
        reads_posterior: Whether linear and convolutional layers take q as a whole, so that none of
            their weights is drawn.
        rows_apart: Whether each row of a batch then has noise of its own, so that several samples
            of the weights may stand as further rows.
    """

    reads_posterior: bool
    rows_apart: bool

    @abstractmethod
    def __call__(self, layer: Affine, x: Tensor, normals: Normals, *, spatial: int) -> Tensor:
        """Return a draw of the output.

        Args:
            layer: The map.
            x: Its input, ``(*lead, in, *spatial)``.
            normals: Of its weights.
            spatial: How many of the input's last dimensions the weights are moved along; 0 of a
                matrix product.
        """


@final
class PlainSampling(WeightEstimator):
    """One draw of the weights for all rows of a batch, w = μ + σ·ε.

    The rows share the noise, so that the variance of the gradient does not fall with their number.

    References:
        Weight Uncertainty in Neural Networks (Blundell et al., 2015), 1505.05424.
    """

    reads_posterior = False
    rows_apart = False

    def __call__(self, layer: Affine, x: Tensor, normals: Normals, *, spatial: int) -> Tensor:
        """Return the output under one draw of the weights."""
        return layer(x, normals.loc + noise(normals.scale), bias_draw(normals))


@final
class LocalReparameterization(WeightEstimator):
    r"""A draw of the output in place of the weights: y ~ N(f(x, μ), f(x², σ²)).

    Of a matrix product each row has noise of its own, as if it had weights of its own; the outputs
    of one row are independent, as they are under independent weights, so that the estimate is
    unbiased and its variance falls with the number of rows.

    Where weights are moved over places, as a convolution's, outputs at two places share weights and
    are correlated; here they are drawn as if they were not. Each has the right mean and variance,
    but the bound is that of another model: use `Flipout` where that matters.

    References:
        Variational Dropout and the Local Reparameterization Trick
        (Kingma, Salimans, Welling, 2015), 1506.02557.
    """

    reads_posterior = True
    rows_apart = True

    def __call__(self, layer: Affine, x: Tensor, normals: Normals, *, spatial: int) -> Tensor:
        """Return the mean of the output and noise of its variance."""
        mean = layer(x, normals.loc, normals.bias_loc)
        bias = None if normals.bias_scale is None else normals.bias_scale.square()
        variance = layer(x.square(), normals.scale.square(), bias)
        deviation = variance.clamp_min(LEAST_VARIANCE).sqrt()
        return torch.addcmul(mean, deviation, torch.randn_like(mean))


@final
class Flipout(WeightEstimator):
    r"""One draw of the weights, whose noise has other signs for each row of a batch.

    :math:`y_n = f(x_n, μ) + r_n ∘ f(x_n ∘ s_n, σ ∘ ε)` with random signs r of each output and s of
    each input channel. Every row has weights of the right distribution, at all places the same
    ones; those of two rows are uncorrelated.

    References:
        Flipout: Efficient Pseudo-Independent Weight Perturbations on Mini-Batches
        (Wen, Vicol, Ba, Tran, Grosse, 2018), 1803.04386.
    """

    reads_posterior = True
    rows_apart = False

    def __call__(self, layer: Affine, x: Tensor, normals: Normals, *, spatial: int) -> Tensor:
        """Return the mean of the output and noise with signs of its own in each row."""
        mean = layer(x, normals.loc, normals.bias_loc)
        bias = None if normals.bias_scale is None else noise(normals.bias_scale)
        change = layer(x * signs(x, spatial), noise(normals.scale), bias)
        return torch.addcmul(mean, change, signs(mean, spatial))


def noise(scale: Tensor) -> Tensor:
    """Return σ·ε, of the shape of σ."""
    return scale * torch.randn_like(scale)


def bias_draw(normals: Normals) -> Tensor | None:
    """Return a draw of the bias, if there is one."""
    if normals.bias_loc is None or normals.bias_scale is None:
        return normals.bias_loc
    return normals.bias_loc + noise(normals.bias_scale)


def signs(like: Tensor, spatial: int) -> Tensor:
    """Return random signs of each channel, ``(*lead, channels, 1, …)``, the same at all places."""
    for dim in range(1, spatial + 1):
        like = like.narrow(-dim, 0, 1)
    return torch.rand_like(like).round() * 2 - 1
