"""The sizes on the way down and back up are exact."""

import pytest
import torch

from vae.networks import ConvEncoder, ResNetEncoder
from vae.networks.init import he_init
from vae.networks.levels import plan_levels


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("size", [(n,) for n in range(1, 20)] + [(1, 9), (8, 5), (33, 47)])
def test_each_level_halves_and_returns(size, kernel_size):
    for level in plan_levels((3, *size), (4, 5, 6, 7), kernel_size):
        assert level.coarse[1:] == tuple((side + 1) // 2 for side in level.fine[1:])
        below = level.down()(torch.zeros(1, *level.fine))
        assert below.shape == (1, *level.coarse)
        assert level.up()(below).shape == (1, *level.fine)


def test_levels_stop_at_one_pixel():
    sizes = [level.coarse for level in plan_levels((1, 5, 3), (8, 8, 8, 8, 8), 4)]
    assert sizes == [(8, 3, 2), (8, 2, 1), (8, 1, 1)]
    assert plan_levels((1, 1, 1), (8,), 4) == ()


@pytest.mark.parametrize("shape", [(4, 1024), (4, 32, 32)])
def test_initial_weights_keep_the_scale_of_a_signal(shape):
    torch.manual_seed(0)
    level = plan_levels(shape, (64,), 4)[0]
    for layer, size in [(level.down(), level.fine), (level.up(), level.coarse)]:
        he_init(layer)
        x = torch.randn(64, *size)
        assert layer(x).std().item() == pytest.approx(2**0.5, rel=0.1)


@pytest.mark.parametrize("encoder", [ConvEncoder, ResNetEncoder])
@pytest.mark.parametrize("size", [(28, 28), (64, 64), (65, 65), (90, 40), (512, 512), (20_000,)])
def test_the_last_map_is_as_small_of_large_pictures(encoder, size):
    """Up to 64×64 the net is the one that it was before it looked at the size."""
    usual = {ConvEncoder: (16, 16, 32, 64), ResNetEncoder: (32, 64, 128, 128)}[encoder]
    with torch.device("meta"):
        net = encoder((3, *size), (9,))
        small = encoder((3, 64, 64) if len(size) == 2 else (3, 4096), (9,))
        before = encoder((3, *size), (9,), channels=usual)
    weights = sum(parameter.numel() for parameter in net.parameters())
    assert weights < 1.2 * sum(parameter.numel() for parameter in small.parameters())
    if len(size) == 2 and size[0] * size[1] <= 64 * 64:
        assert str(net) == str(before)
