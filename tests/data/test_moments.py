"""Mean and width against what they must be where sums in the type of the data fail."""

import pytest
import torch

from vae.data import TensorExamples
from vae.data import moments as module
from vae.data.moments import moments


@pytest.mark.parametrize("block", [1, 7 * 3, 1 << 22])
def test_mean_and_width_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    x = x * torch.tensor([1.0, 60.0, 1e-3]) + torch.tensor([0.0, 1.7e9, 5.0])
    mean, width = moments(TensorExamples(x, index=torch.arange(40)))
    deviation, expected = torch.std_mean(x[:40], 0, correction=0)
    assert torch.equal(mean.float(), expected.float())
    assert (mean - expected).abs().max() < 1e-6
    torch.testing.assert_close(width, deviation.float())


def test_what_does_not_vary_has_width_one():
    """Though no float is a tenth, and though some vary less than float32 can say."""
    x = torch.full((1000, 3), 0.1, dtype=torch.float64)
    x[:, 1] = 1e-30 * torch.arange(1000)
    x[:, 2] = 1e-43 * torch.arange(1000)
    mean, width = moments(TensorExamples(x))
    assert mean[0] == 0.1
    assert width[[0, 2]].tolist() == [1, 1]
    assert 0 < width[1] < 1e-26
