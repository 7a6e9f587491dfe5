"""Sprites: pictures against their factors, and the grid as a whole."""

import pytest
import torch

from vae.data import Sprites
from vae.data.sets.sprites import FACTOR_SIZES


@pytest.fixture(scope="module")
def whole():
    return Sprites().load().train


def place(*factors):
    return torch.tensor([torch.tensor(factors) @ torch.tensor([245760, 40960, 1024, 32, 1])])


def test_the_whole_grid_is_there_and_small(whole):
    assert len(whole) == 737_280 == 3 * 6 * 40 * 32 * 32
    assert whole.num_bytes < 20e6
    assert whole.take(torch.tensor([0, 737_279])).shape == (2, 1, 64, 64)


def test_factors_are_the_index_in_mixed_radix(whole):
    factors = whole.subset(place(2, 3, 17, 30, 5)).factors
    assert factors.tolist() == [[2, 3, 17, 30, 5]]
    assert whole.subset(place(2, 3, 17, 30, 5)).labels.tolist() == [2]


@pytest.mark.parametrize(("axis", "factor"), [(3, 3), (2, 4)])
def test_a_step_of_position_moves_the_picture_by_one_pixel(whole, axis, factor):
    before = [1, 5, 7, 10, 20]
    after = list(before)
    after[factor] += 1
    first, second = (whole.take(place(*f)) for f in (before, after))
    assert torch.equal(first.roll(1, dims=axis), second)
    assert not torch.equal(first, second)


def test_no_sprite_touches_the_border(whole):
    corners = torch.cat([place(s, 5, o, x, y) for s in range(3) for o in range(40)
                         for x in (0, 31) for y in (0, 31)])  # fmt: skip
    x = whole.take(corners)
    border = torch.cat([x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]], -1)
    assert border.sum() == 0
    assert x.flatten(1).sum(1).min() > 0


def test_scale_grows_the_area_by_four(whole):
    small, large = (whole.take(place(0, s, 0, 16, 16)).sum().item() for s in (0, 5))
    assert large / small == pytest.approx(4, rel=0.25)


def test_pictures_differ_but_for_the_symmetries_of_square_and_ellipse(whole):
    templates = whole.templates.view(3, 6, 40, -1)
    for shape, distinct in enumerate((10, 20, 40)):
        for scale in range(6):
            assert len(templates[shape, scale].unique(dim=0)) == distinct
    square = templates[0, 0]
    assert torch.equal(square[3], square[13])


def test_binary_gray_and_color_values():
    binary = Sprites(64).load().train.take(torch.arange(64))
    assert binary.unique().tolist() == [0, 1]
    gray = Sprites(64, antialias=True).load().train.take(torch.arange(64))
    assert gray.max() == 255
    assert len(gray.unique()) > 10
    source = Sprites(64, color=True)
    color = source.load().train
    assert source.spec.factor_names[0] == "color"
    assert source.spec.factor_sizes == (6, *FACTOR_SIZES)
    assert color.take(torch.arange(64)).shape == (64, 3, 64, 64)
    assert (color.factors < torch.tensor(source.spec.factor_sizes)).all()
    hues = color.take(torch.arange(64)).flatten(2).amax(2)
    for hue, row in zip(color.factors[:, 0], hues, strict=True):
        assert torch.equal(row, color.hues[hue])


def test_subset_is_seeded_and_without_repetition():
    a, b, c = (Sprites(5000, seed=s).load().train.grid for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert len(a.unique()) == 5000


@pytest.mark.parametrize("size", [0, -1, 737_281, "many", 1.5])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match=r"data\.size"):
        Sprites(size)
