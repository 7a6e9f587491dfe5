"""What every net must do, for every shape of data it takes."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from vae.networks import (
    MLP,
    ConvDecoder,
    ConvEncoder,
    GatedMLP,
    Linear,
    Network,
    ResNetDecoder,
    ResNetEncoder,
)
from vae.networks.network import AFFINE

SHAPES = [(1, 28, 28), (3, 32, 32), (3, 33, 47), (1, 5, 3), (1, 1, 1), (2, 100), (1, 7), (12,)]
LATENTS = [(5,), (4, 3)] * 4
DATA = list(zip(SHAPES, LATENTS, strict=True))

# Smooth activations: so few channels of ReLU may all be silent, which is no fault of the net.
smooth = {"activation": nn.SiLU()}
wide = {"channels": (4, 8, 8), "hidden": (16,), **smooth}
mixed = {"channels": (8, 4, 4), "kernel_size": (5, 2, 3), "hidden": (), **smooth}
patched = {"channels": (6,), "hidden": (), "patch_size": 2, **smooth}
residual = {"channels": (8, 16, 8)}
attending = {"channels": (6, 4), "blocks": 2, "attention": True, "activation": nn.Tanh()}
DENSE = [Linear, partial(MLP, hidden=(16, 8), **smooth), partial(GatedMLP, hidden=(16, 8))]
ENCODERS = [
    *[partial(ConvEncoder, **options) for options in (wide, mixed, patched)],
    *[partial(ResNetEncoder, **options) for options in (residual, attending)],
]
DECODERS = [
    *[partial(ConvDecoder, **options) for options in (wide, mixed, patched)],
    *[partial(ResNetDecoder, **options) for options in (residual, attending)],
]


def fits(net: partial, shape: tuple[int, ...]) -> bool:
    """Say whether a patch of the net is no longer than the data."""
    return net.keywords.get("patch_size", 1) <= max(shape[1:])


CASES = [
    *[(net, shape, latent) for net in DENSE for shape, latent in DATA],
    *[(net, latent, shape) for net in DENSE for shape, latent in DATA],
    *[(net, shape, latent) for net in ENCODERS for shape, latent in DATA[:-1] if fits(net, shape)],
    *[(net, latent, shape) for net in DECODERS for shape, latent in DATA[:-1] if fits(net, shape)],
]


def identify(value: object) -> str:
    if isinstance(value, partial):
        return f"{value.func.__name__}-{value.keywords}"
    return getattr(value, "__name__", str(value))


every_net = pytest.mark.parametrize(("make", "in_shape", "out_shape"), CASES, ids=identify)


def build(make: Callable[..., Network], in_shape: tuple, out_shape: tuple) -> Network:
    """A net in double precision, moved off the zeros that silence residual branches at first."""
    torch.manual_seed(0)
    net = make(in_shape, out_shape).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def batch(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@every_net
def test_leading_dimensions_are_a_loop(make, in_shape, out_shape):
    net = build(make, in_shape, out_shape)
    x = batch(2, 2, *in_shape)
    y = net(x)
    assert y.shape == (2, 2, *out_shape)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y, torch.stack([net(x_k) for x_k in x]))
    assert torch.equal(y, net(x))


@every_net
def test_every_parameter_gets_a_gradient(make, in_shape, out_shape):
    net = build(make, in_shape, out_shape)
    y = net(batch(2, *in_shape))
    (y * batch(*y.shape)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@every_net
def test_rows_are_independent(make, in_shape, out_shape):
    net = build(make, in_shape, out_shape)
    x = batch(3, *in_shape)
    changed = x.clone()
    changed[1] += 1
    difference = (net(changed) - net(x)).flatten(1).abs().amax(1)
    assert difference[1] > 1e-9
    assert difference[[0, 2]].max() < 1e-9


@every_net
def test_every_output_depends_on_every_input(make, in_shape, out_shape):
    """No input pixel is skipped by a stride, and no output pixel is left blank."""
    net = build(make, in_shape, out_shape)
    x = batch(2, *in_shape).requires_grad_()
    y = net(x)
    (y * batch(*y.shape)).sum().backward()
    assert (x.grad != 0).all()
    assert (y[0] != y[1]).all()


@every_net
def test_bfloat16_autocast(make, in_shape, out_shape):
    net = build(make, in_shape, out_shape).float()
    x = batch(3, *in_shape).float()
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    assert y.dtype == torch.bfloat16
    assert y.shape == (3, *out_shape)
    assert y.isfinite().all()


@pytest.mark.parametrize("make", ENCODERS + DECODERS, ids=identify)
@pytest.mark.parametrize("shape", [(12,), (1, 4, 4, 4)])
def test_vectors_are_refused_by_convolutions(make, shape):
    in_shape, out_shape = (shape, (5,)) if make in ENCODERS else ((5,), shape)
    with pytest.raises(ValueError, match=r"shape \(C, H, W\) or \(C, L\); got .*: use model=mlp"):
        make(in_shape, out_shape)


@pytest.mark.parametrize(
    "make",
    [
        partial(MLP, hidden=(0,)),
        partial(GatedMLP, hidden=(8, -1)),
        partial(ConvEncoder, hidden=(0,)),
        partial(ConvDecoder, channels=(8, 0)),
        partial(ConvDecoder, patch_size=0),
        partial(ResNetEncoder, channels=(0,)),
        partial(ResNetDecoder, blocks=0),
    ],
    ids=identify,
)
def test_sizes_below_one_are_refused(make):
    with pytest.raises(ValueError, match=r"(hidden|channels|patch_size|blocks) must be at least 1"):
        make((1, 8, 8), (1, 8, 8))


@pytest.mark.parametrize("kernel_size", [1, (4, 4), (4, 4, 1)])
@pytest.mark.parametrize("make", [ConvEncoder, ConvDecoder])
def test_kernels_that_skip_pixels_or_miss_levels_are_refused(make, kernel_size):
    with pytest.raises(ValueError, match=r"kernel_size must be one number from 2, or one for each"):
        make((1, 8, 8), (1, 8, 8), channels=(4, 4, 4), kernel_size=kernel_size)


@pytest.mark.parametrize("make", [ResNetEncoder, ResNetDecoder])
def test_a_residual_net_needs_a_level(make):
    with pytest.raises(ValueError, match="channels must hold at least one level"):
        make((1, 8, 8), (1, 8, 8), channels=())


@every_net
def test_a_net_starts_at_an_output(make, in_shape, out_shape):
    """All there is to it where nothing of the input comes through."""
    net = build(make, in_shape, out_shape)
    layers = [m for m in net.modules() if isinstance(m, AFFINE)]
    nn.init.zeros_(layers[-1].weight)
    channels = torch.arange(1.0, 1 + out_shape[0], dtype=torch.float64)
    output = channels.view(-1, *[1] * (len(out_shape) - 1)).expand(out_shape)
    net.start_at(output)
    assert torch.equal(net(torch.randn(2, *in_shape).double()), output.expand(2, *out_shape))
