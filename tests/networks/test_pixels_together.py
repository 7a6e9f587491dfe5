"""Convolutions with channels last for a while: the same results, and the same weights after it."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from vae.networks.layout import pixels_together


def net():
    first = nn.Conv2d(3, 64, 3, padding=1)
    large = nn.Conv2d(64, 512, 3, 2, 1)  # which multiplies matrices meanwhile
    return nn.Sequential(weight_norm(first), large, nn.ConvTranspose2d(512, 3, 4, 2, 1, bias=False))


@pytest.mark.parametrize("fails", [False, True])
def test_results_are_equal_and_weights_stay(fails):
    model, x = net(), torch.randn(2, 3, 4, 4)
    expected = model(x)
    before = [(w, w.data_ptr(), w.stride()) for w in model.parameters()]
    kinds = [type(part) for part in model.modules()]
    try:
        with pixels_together(model):
            assert [type(part) for part in model.modules()] != kinds
            for weight in (model[1].weight, model[2].weight):
                assert weight.is_contiguous(memory_format=torch.channels_last)
            assert torch.allclose(model(x), expected, atol=1e-5)
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert [type(part) for part in model.modules()] == kinds
    assert all(
        w is now and w.data_ptr() == place and w.stride() == stride
        for now, (w, place, stride) in zip(model.parameters(), before, strict=True)
    )
    assert torch.equal(model(x), expected)
