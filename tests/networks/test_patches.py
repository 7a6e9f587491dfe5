"""Patches are a permutation that is undone, whatever the size."""

import pytest
import torch

from vae.networks import ConvDecoder, ConvEncoder
from vae.networks.patches import Patches, Pixels

SHAPES = [(3, 8, 12), (1, 33, 47), (2, 20), (2, 21), (1, 5, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [1, 2, 4])
def test_pixels_come_back(shape, side):
    x, patches = torch.randn(3, *shape), Patches(shape, side)
    laid = patches(x)
    assert laid.shape[1:] == patches.coarse
    assert torch.equal(Pixels(patches)(laid), x)
    assert laid.abs().sum().item() == pytest.approx(x.abs().sum().item(), rel=1e-5)
    if len(shape) == 3 and not any(n % side for n in shape[1:]):
        assert torch.equal(laid, torch.pixel_unshuffle(x, side))


@pytest.mark.parametrize(
    ("shape", "side", "channels"),
    [
        ((1, 64, 64), 4, [32, 64]),
        ((3, 512, 512), 4, [16, 16, 16, 32, 64]),
        ((1, 28, 28), 2, [32, 64]),
        ((1, 5, 30), 1, [16, 16, 32, 64]),
        ((2, 1000), 1, [16, 16, 32, 64]),
    ],
)
def test_null_suits_the_size_unless_channels_are_given(shape, side, channels):
    with torch.device("meta"):
        nets = ConvEncoder(shape, (9,), patch_size=None), ConvDecoder((5,), shape, patch_size=None)
        given = ConvEncoder(shape, (9,), patch_size=None, channels=(8, 8))
    for net, layers in zip(nets, (nets[0].down, nets[1].up), strict=True):
        assert (1 if net.patches is None else net.patches.side) == side
        convolutions = [layer for layer in layers if hasattr(layer, "out_channels")]
        assert len(convolutions) == len(channels)
    assert [layer.out_channels for layer in nets[0].down if hasattr(layer, "stride")] == channels
    assert given.patches is None


@pytest.mark.parametrize("channels", [(4,), ()])
def test_a_decoder_can_start_at_a_picture_that_is_the_same_in_each_patch(channels):
    decoder = ConvDecoder((5,), (3, 9, 13), channels=channels, hidden=(), patch_size=4)
    picture = torch.randn(3, 4, 4).repeat(1, 3, 4)[:, :9, :13]
    torch.nn.init.zeros_(decoder.output_layer.weight)
    decoder.start_at(picture)
    torch.testing.assert_close(decoder(torch.zeros(1, 5))[0], picture)
    torch.testing.assert_close(decoder.pooled(picture), picture)


@pytest.mark.parametrize(
    ("channels", "patch_size"), [((4,), 1), ((4,), 4), ((), 1), ((), 4), ((4,), 13)]
)
def test_a_bias_starts_at_the_log_odds_of_the_mean_of_its_places(channels, patch_size):
    """Of whatever shares it: the mean of what the net then gives is that of the data."""
    shape = (2, 9, 13)
    decoder = ConvDecoder((5,), shape, channels=channels, hidden=(), patch_size=patch_size)
    mean = torch.rand(shape) ** 4
    torch.nn.init.zeros_(decoder.output_layer.weight)
    decoder.start_at(decoder.pooled(mean).logit())
    given = decoder(torch.zeros(1, 5))[0].sigmoid()
    torch.testing.assert_close(given, decoder.pooled(mean))
    torch.testing.assert_close(given.mean((1, 2)), mean.mean((1, 2)))


def test_a_patch_is_no_longer_than_the_data():
    with pytest.raises(ValueError, match="patch_size must be at most 13, the longer side; got 14"):
        ConvEncoder((1, 9, 13), (5,), patch_size=14)
