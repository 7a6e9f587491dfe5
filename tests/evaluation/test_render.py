"""Examples as one picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from vae.evaluation import render, render_movie, save_picture
from vae.evaluation.drawing.render import GAP, shrunk


def cell(picture, row, column, height, width):
    """The part of a grid where a picture stands."""
    top, left = GAP // 2 + row * (height + GAP), GAP // 2 + column * (width + GAP)
    return picture[:, top : top + height, left : left + width]


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_stands_where_its_row_and_column_say(channels, scale):
    rows = torch.randint(256, (2, 3, channels, 4, 5)) / 255
    picture = render(rows, scale=scale)
    height, width = 4 * scale, 5 * scale
    assert picture.dtype == torch.uint8
    assert picture.shape == (3, 2 * (height + GAP), 3 * (width + GAP))
    for i in range(2):
        for j in range(3):
            shown = cell(picture, i, j, height, width)[:, ::scale, ::scale].float() / 255
            assert torch.allclose(shown, rows[i, j].expand(3, 4, 5))
    assert len(picture[:, 0].unique()) == 1


def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour():
    rgba = torch.rand(1, 2, 4, 3, 3)
    rgba[0, 0, 3], rgba[0, 1, 3] = 0.0, 1.0
    picture = render(rgba, scale=1)
    assert (cell(picture, 0, 0, 3, 3) == 255).all()
    expected = (rgba[0, 1, :3] * 255).round().to(torch.uint8)
    assert torch.equal(cell(picture, 0, 1, 3, 3), expected)


def test_values_outside_the_unit_interval_are_clipped():
    rows = torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1, 1)
    picture = render(rows, scale=1)
    assert (cell(picture, 0, 0, 1, 1) == 0).all()
    assert (cell(picture, 0, 1, 1, 1) == 255).all()


@pytest.mark.parametrize(("side", "least"), [(8, 48), (28, 48), (64, 64)])
def test_small_pictures_are_enlarged(side, least):
    height = render(torch.rand(1, 1, 1, side, side)).shape[1] - GAP
    assert height >= least
    assert height % side == 0
    assert height < least + side


@pytest.mark.parametrize(("side", "drawn"), [(128, 128), (600, 170)])
def test_large_pictures_are_made_smaller_where_there_are_many(side, drawn):
    ramp = torch.linspace(0, 1, side).expand(6, 6, 1, side, side)
    picture = render(ramp)
    assert picture.shape == (3, 6 * (drawn + GAP), 6 * (drawn + GAP))
    shown = cell(picture, 5, 2, drawn, drawn).float() / 255
    assert torch.allclose(shown, torch.linspace(0, 1, drawn).expand_as(shown), atol=0.01)
    alone = render(ramp[:1, :1])
    assert alone.shape[1] == side + GAP
    none = torch.zeros(1, 0, 6, 1, side, side)  # the traversals of a model without latents
    assert shrunk(none).shape == none.shape


@pytest.mark.parametrize("shape", [(5,), (1, 20), (2, 20), (1,)])
def test_signals_and_vectors_become_curves(shape):
    rows = torch.randn(2, 3, *shape)
    picture = render(rows)
    assert picture.dtype == torch.uint8
    assert picture.shape[0] == 3
    assert len(picture.unique()) > 2
    if shape != (1,):
        assert not torch.equal(picture, render(torch.zeros_like(rows)))


@pytest.mark.parametrize("shape", [(1, 32, 32), (20,)])
def test_labels_stand_left_of_the_rows_that_stay_as_they_are(shape):
    rows = torch.rand(3, 2, *shape)
    plain, labelled = render(rows), render(rows, labels=["z0\n1.00 nats", "", "z2"])
    width = labelled.shape[2] - plain.shape[2]
    assert torch.equal(labelled[:, :, width:], plain)
    margin = labelled[:, :, :width]
    third = margin.shape[1] // 3
    inked = [(part < 128).any().item() for part in margin.split(third + 1, 1)]
    assert inked == [True, False, True]
    assert (margin[:, :, :3] == 255).all()  # nothing is cut off


def test_the_frames_of_a_movie_share_one_scale():
    frames = torch.zeros(2, 1, 1, 9)
    frames[0, 0, 0, 4], frames[1, 0, 0, 4] = 1.0, 2.0
    movie = render_movie(frames)
    assert movie.shape == (2, *render(frames[0]).shape)
    assert not torch.equal(movie[0], movie[1])
    assert torch.equal(render(frames[0]), render(frames[1]))
    still = render_movie(torch.rand(2, 3, 2, 1, 4, 5), scale=2)
    assert still.shape == (2, 3, 3 * (8 + GAP), 2 * (10 + GAP))


def test_the_saved_picture_is_the_picture(tmp_path):
    picture = torch.randint(256, (3, 7, 9), dtype=torch.uint8)
    path = save_picture(tmp_path / "neuer Ordner" / "bild.png", picture)
    with Image.open(path) as read:
        assert torch.equal(torch.from_numpy(np.array(read)).permute(2, 0, 1), picture)
