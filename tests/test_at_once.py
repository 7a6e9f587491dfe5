"""Grids of large pictures are made of few, so that they cost little after an epoch."""

import torch

import vae
from vae import at_once
from vae.training.callbacks.picture_log import draw_all


def test_a_grid_of_large_pictures_has_fewer_rows(monkeypatch):
    x = torch.rand(9, 1, 16, 16)
    model = vae.make_module("model=mlp", "likelihood=laplace", like=x).model.eval()
    high = draw_all(model, {"x": x}, 9, 10, (0.0, 1.0))
    monkeypatch.setattr(at_once, "SMALL", 3)  # of 256: 18 pictures for 1536
    low = draw_all(model, {"x": x}, 9, 10, (0.0, 1.0))
    rows = {name: picture.shape[1] // low["samples"].shape[1] for name, picture in high.items()}
    assert rows == {"reconstructions": 1, "samples": 3, "traversals": 5}
    assert low["samples"].shape == high["reconstructions"].shape[:2] + low["samples"].shape[2:]
