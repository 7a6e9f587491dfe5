"""The memory layout of convolutions, for a while."""

__all__ = ["pixels_together"]

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from vae.networks.products import use_products

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@contextmanager
def pixels_together(model: nn.Module) -> Iterator[None]:
    """Keep the weights of convolutions on a CPU with channels last, where passes are quicker.

    Large ones on maps of a few pixels are matrix products meanwhile. Results are equal up to
    rounding; afterwards every weight is the tensor that it was. Weights must not change in between.
    """
    layers = [m for m in model.modules() if isinstance(m, CONVOLUTIONS)]
    classes = [type(layer) for layer in layers]
    weights = {w for m in layers for w in m.parameters() if w.dim() == 4 and w.device.type == "cpu"}
    before = {weight: weight.data for weight in weights}
    try:
        for weight in weights:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        use_products(model)
        yield
    finally:
        for layer, kind in zip(layers, classes, strict=True):
            layer.__class__ = kind
        for weight, data in before.items():
            weight.data = data
