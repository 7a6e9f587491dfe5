"""Convolutions as matrix products are the convolutions of torch."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from vae.networks import products
from vae.networks.products import laid_out, patches, use_products

LAYERS = [
    (nn.Conv2d(3, 5, 4, 2, 1), (7, 6)),
    (nn.Conv2d(3, 5, (3, 2), (1, 3), (0, 1), bias=False), (5, 7)),
    (nn.Conv2d(2, 3, 1), (4, 4)),
    (nn.ConvTranspose2d(3, 5, 4, 2, 1), (3, 4)),
    (nn.ConvTranspose2d(3, 5, (3, 2), (2, 3), (1, 0), output_padding=(1, 2)), (3, 5)),
    (nn.ConvTranspose2d(2, 3, 3, 2, bias=False), (1, 1)),
]


@pytest.fixture
def any_size(monkeypatch):
    monkeypatch.setattr(products, "LEAST_WEIGHTS", 0)
    monkeypatch.setattr(products, "PER_PLACE", 0)


def both(layer, dtype=torch.float64):
    """Return a layer and its copy that multiplies matrices."""
    ours = deepcopy(layer).to(dtype, memory_format=torch.channels_last)
    use_products(nn.ModuleList([ours]))
    assert type(ours) is not type(layer)
    return deepcopy(layer).to(dtype), ours


def gradients(layer, x):
    """Return output, and the gradients of input and parameters of a weighted sum of its squares."""
    x = x.clone().requires_grad_()
    y = layer(x)
    weights = torch.linspace(0.5, 2, y.numel(), dtype=y.dtype).view_as(y)
    grads = torch.autograd.grad((weights * y.square()).sum(), [x, *layer.parameters()])
    return y, *grads


@pytest.mark.parametrize(("layer", "extent"), LAYERS)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_output_and_gradients_are_those_of_torch(any_size, layer, extent, memory_format):
    theirs, ours = both(layer)
    x = torch.randn(2, layer.in_channels, *extent, dtype=torch.float64)
    x = x.to(memory_format=memory_format)
    for a, b in zip(gradients(theirs, x), gradients(ours, x), strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("layer", "extent"), LAYERS)
def test_mixed_precision_keeps_three_digits(any_size, layer, extent):
    theirs, ours = both(layer, torch.float32)
    x = torch.randn(2, layer.in_channels, *extent)
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(x)
    assert y.dtype == torch.bfloat16
    assert (y - theirs(x)).abs().max() < 0.02 * theirs(x).abs().max()


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # of torch about its checks
def test_patches_and_their_layout_pass_the_checks_of_custom_operators():
    sizes = ([3, 2], [2, 1], [1, 0])
    x = torch.randn(2, 5, 4, 3, dtype=torch.float64, requires_grad=True)
    rows = torch.randn(2, 3, 3, 18, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(patches, (x, *sizes, [3, 3]))
    torch.library.opcheck(laid_out, (rows, *sizes, [5, 4]))
    assert torch.autograd.gradgradcheck(lambda x: patches(x, *sizes, [3, 3]).square(), x)
    # Each is the other's transpose.
    there, back = patches(x, *sizes, [3, 3]) * rows, x * laid_out(rows, *sizes, [5, 4])
    assert torch.isclose(there.sum(), back.sum())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(256, 256, 3, groups=2),
        nn.Conv2d(256, 128, 3, dilation=2),
        nn.Conv2d(256, 128, 3, padding="same"),
        nn.Conv2d(256, 128, 3, padding=1, padding_mode="circular"),
        nn.Conv1d(512, 512, 3),
    ],
)
def test_other_layers_are_left_alone(layer):
    kind = type(layer)
    use_products(nn.Sequential(layer))
    assert type(layer) is kind


@pytest.mark.parametrize(("layer", "extent"), [LAYERS[0], LAYERS[3]])
def test_large_maps_are_left_to_torch(any_size, monkeypatch, layer, extent):
    _, ours = both(layer, torch.float32)
    x = torch.randn(2, layer.in_channels, *extent)
    expected = ours(x)
    monkeypatch.setattr(products, "linear", None)
    with pytest.raises(TypeError):
        ours(x)
    monkeypatch.setattr(products, "PER_PLACE", 100)
    assert torch.allclose(ours(x), expected, atol=1e-6)
    if isinstance(ours, nn.ConvTranspose2d):
        monkeypatch.setattr(products, "PER_PLACE", 0)
        assert torch.allclose(ours(x, expected.shape[2:]), expected, atol=1e-6)
