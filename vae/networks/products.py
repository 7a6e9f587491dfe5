"""Convolutions on maps of a few pixels, as matrix products: there libraries for CPUs are slow."""

__all__ = ["use_products"]

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

# By `benchmarks.products`, on a processor with AVX-512 and AMX: with fewer oneDNN is as quick.
LEAST_WEIGHTS = 2**18
PER_PLACE = 2**14  # weights for each place of the kernel on the map


def use_products(model: nn.Module) -> None:
    """Let large convolutions in a model multiply matrices wherever their maps are small.

    Weights, their names and, up to rounding, results stay; on a GPU nothing changes. Weights are to
    be in channels-last memory format, else each step copies them.
    """
    for layer in model.modules():
        kind: Any = PRODUCTS.get(type(layer))
        if kind is not None and suits(layer):
            layer.__class__ = kind


def suits(layer: Any) -> bool:
    """Say whether a convolution is large, and one of neither groups nor gaps."""
    plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    return plain and layer.weight.numel() >= LEAST_WEIGHTS and not isinstance(layer.padding, str)


def pays(layer: Any, x: Tensor, places: Sequence[int]) -> bool:
    """Say whether a product is quicker for a layer whose kernel has so many places."""
    return x.is_cpu and layer.weight.numel() >= PER_PLACE * prod(places)


class ProductConv2d(nn.Conv2d):
    """The convolution of torch, ``(N, C, H, W)`` to ``(N, C', H', W')``."""

    def forward(self, input: Tensor) -> Tensor:
        """Multiply the patches under the kernel by the weights, or leave it to torch."""
        sizes: Any = (self.kernel_size, self.stride, self.padding)
        places = [
            (n + 2 * p - k) // s + 1 for n, k, s, p in zip(input.shape[2:], *sizes, strict=True)
        ]
        if not pays(self, input, places):
            return super().forward(input)
        rows = patches(pixels_last(input), *sizes, places)
        return linear(rows, flat(self.weight), self.bias).permute(0, 3, 1, 2)


class ProductConvTranspose2d(nn.ConvTranspose2d):
    """The transposed convolution of torch, ``(N, C, H, W)`` to ``(N, C', H', W')``."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Multiply the pixels by the weights and lay out the patches, or leave it to torch."""
        if not pays(self, input, input.shape[2:]) or output_size is not None:
            return super().forward(input, output_size)
        sizes: Any = (self.kernel_size, self.stride, self.padding)
        whole = [
            (n - 1) * s - 2 * p + k + more
            for n, k, s, p, more in zip(input.shape[2:], *sizes, self.output_padding, strict=True)
        ]
        y = laid_out(linear(pixels_last(input), flat(self.weight).T), *sizes, whole)
        y = y if self.bias is None else y + self.bias.to(y.dtype)
        return y.permute(0, 3, 1, 2)


PRODUCTS = {nn.Conv2d: ProductConv2d, nn.ConvTranspose2d: ProductConvTranspose2d}


def pixels_last(x: Tensor) -> Tensor:
    """Return ``(N, H, W, C)``, of the type in which products are taken."""
    if torch.is_autocast_enabled("cpu"):
        x = x.to(torch.get_autocast_dtype("cpu"))
    return x.permute(0, 2, 3, 1)


def flat(weight: Tensor) -> Tensor:
    """Return a weight ``(C, D, K, L)`` as the matrix ``(C, K·L·D)`` of one patch's weights."""
    return weight.permute(0, 2, 3, 1).flatten(1)


@torch.library.custom_op("vae::patches", mutates_args=())
def patches(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    places: Sequence[int],
) -> Tensor:
    """Return what lies under the kernel at each place.

    Args:
        x: ``(N, H, W, C)``, around which zeros lie.
        kernel: Its height and width.
        stride: From place to place.
        padding: How far outside of ``x`` the first place is.
        places: How many there are, downwards and to the right.

    Returns:
        ``(N, *places, kernel height · width · C)``.
    """
    x = pad(x, (0, 0, padding[1], padding[1], padding[0], padding[0]))
    parts = [x[:, i, j] for i, j in under(kernel, stride, places)]
    return torch.stack(parts, 3).flatten(3)


@torch.library.custom_op("vae::laid_out", mutates_args=())
def laid_out(
    rows: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    whole: Sequence[int],
) -> Tensor:
    """Return the sum of patches laid where they were taken from: the transpose of `patches`.

    Args:
        rows: ``(N, *places, kernel height · width · C)``.
        kernel: Its height and width.
        stride: From place to place.
        padding: How far outside of the result the first place is.
        whole: Height H and width W of the result.

    Returns:
        ``(N, H, W, C)``, summed in single precision.
    """
    num, *places, _ = rows.shape
    parts = rows.unflatten(3, (kernel[0] * kernel[1], -1)).unbind(3)
    height, width = (n + 2 * p for n, p in zip(whole, padding, strict=True))
    exact = torch.promote_types(rows.dtype, torch.float32)
    x = rows.new_zeros((num, height, width, parts[0].shape[-1]), dtype=exact)
    for part, (i, j) in zip(parts, under(kernel, stride, places), strict=True):
        x[:, i, j] += part
    inner = (slice(p, p + n) for p, n in zip(padding, whole, strict=True))
    return x[(slice(None), *inner)].to(rows.dtype, memory_format=torch.contiguous_format, copy=True)


def under(
    kernel: Sequence[int], stride: Sequence[int], places: Sequence[int]
) -> list[tuple[slice, slice]]:
    """Return, for each weight of a kernel, the rows and columns that it meets."""
    down, right = (
        [slice(i, i + s * (n - 1) + 1, s) for i in range(k)]
        for k, s, n in zip(kernel, stride, places, strict=True)
    )
    return [(i, j) for i in down for j in right]


@patches.register_fake
def _(x: Tensor, kernel: Any, stride: Any, padding: Any, places: Any) -> Tensor:
    return x.new_empty(x.shape[0], *places, kernel[0] * kernel[1] * x.shape[3])


@laid_out.register_fake
def _(rows: Tensor, kernel: Any, stride: Any, padding: Any, whole: Any) -> Tensor:
    return rows.new_empty(rows.shape[0], *whole, rows.shape[3] // (kernel[0] * kernel[1]))


def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Keep what the transpose needs: the kernel, and the size of what came in."""
    value, *ctx.sizes, _ = inputs
    ctx.extent = value.shape[1:3]


patches.register_autograd(
    lambda ctx, grad: (laid_out(grad, *ctx.sizes, ctx.extent), None, None, None, None),
    setup_context=keep,
)
laid_out.register_autograd(
    lambda ctx, grad: (patches(grad, *ctx.sizes, ctx.extent), None, None, None, None),
    setup_context=keep,
)
