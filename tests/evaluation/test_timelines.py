"""Sequences are drawn with time to the right, and end where they end."""

import torch

from vae.data import DataSpec
from vae.evaluation.drawing.render import GAP, picture_of
from vae.evaluation.drawing.timelines import signal_maps, timelines, with_gaps


def test_a_sequence_becomes_a_signal_as_long_as_it_is():
    x = torch.arange(24.0).reshape(2, 2, 3, 2)  # rows, columns, T, D
    spec = DataSpec("", (3, 2), "real", fields={"length": {"shape": (), "dtype": "int64"}})
    found = timelines(x, spec, torch.tensor([3, 1]))
    assert torch.equal(found[:, 0], x[:, 0].transpose(1, 2))
    assert torch.equal(found[:, 1, :, 0], x[:, 1, 0])
    assert found[:, 1, :, 1:].isnan().all()
    assert timelines(x, DataSpec("", (3, 2), "real")) is x
    mask = torch.tensor([[True, True, True], [True, False, True]])
    gaps = with_gaps(x, {"mask": mask, "length": torch.tensor([3, 3])}).isnan()
    assert gaps.sum() == 2
    assert gaps[0, 1, 1].all()


def test_many_channels_are_a_map_with_the_first_at_the_bottom():
    x = torch.zeros(1, 1, 20, 30)
    x[..., 0, :10] = 2.0
    x[..., 25:] = torch.nan
    pixels = picture_of(x).pixels
    grey = pixels[0, GAP // 2 : -GAP // 2, GAP // 2 : -GAP // 2]
    scale = grey.shape[0] // 20
    assert grey[-1, : 10 * scale].unique().tolist() == [255]
    assert grey[0, : 25 * scale].unique().tolist() == [0]
    assert grey[:, 25 * scale :].unique().tolist() == [128]
    assert signal_maps(torch.rand(1, 1, 1, 20, 1000))[0].shape == (1, 1, 1, 1, 20, 200)
