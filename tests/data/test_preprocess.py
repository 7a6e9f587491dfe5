"""Binarisation, dequantisation and flips, against their probabilities."""

import pytest
import torch
from torch import Generator

from vae.data import DataSpec, Preprocess, TensorExamples
from vae.data.binarize import bernoulli, threshold

GRAY = DataSpec("gray", (1, 4, 4), "unit_interval", 256)
COLOR = DataSpec("color", (3, 4, 4), "unit_interval", 256)
REAL = DataSpec("real", (5,), "real")
BITS = DataSpec("bits", (1, 4, 4), "boolean", 2)


def gen(seed=0):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("value", [0, 1, 2, 127, 128, 254, 255])
def test_bernoulli_of_a_byte_has_probability_v_over_255(value):
    n = 1_000_003
    p = value / 255
    mean = bernoulli(torch.full((n,), value, dtype=torch.uint8), gen(value)).double().mean().item()
    assert abs(mean - p) <= 5 * (p * (1 - p) / n) ** 0.5


def test_the_noise_behind_bytes_is_uniform_on_0_to_254():
    from vae.data.binarize import _uniform255_cpu

    n = 2_550_000
    counts = _uniform255_cpu(torch.Size([n]), gen()).long().bincount(minlength=256)
    assert counts[255] == 0
    # χ² with 254 degrees of freedom: mean 254, deviation 22.5.
    assert ((counts[:255] - n / 255) ** 2 / (n / 255)).sum() < 254 + 5 * 22.5


def test_bernoulli_of_floats_and_threshold():
    x = torch.full((200_000,), 0.3)
    assert bernoulli(x, gen()).double().mean().item() == pytest.approx(0.3, abs=0.005)
    assert threshold(torch.tensor([0.5, 0.51])).tolist() == [0, 1]
    assert threshold(torch.tensor([127, 128], dtype=torch.uint8)).tolist() == [0, 1]


def test_dynamic_differs_between_readings_and_static_does_not():
    raw = torch.full((64, 1, 4, 4), 128, dtype=torch.uint8)
    dynamic = Preprocess(GRAY, binarization="dynamic")
    assert not torch.equal(dynamic(raw, gen(1)), dynamic(raw, gen(2)))
    assert torch.equal(dynamic(raw, gen(1)), dynamic(raw, gen(1)))
    static = Preprocess(GRAY, binarization="static")
    frozen = static.freeze(TensorExamples(raw), gen(3)).take(torch.arange(64))
    assert torch.equal(static(frozen, gen(1)), static(frozen, gen(2)))
    assert static(frozen, gen()).unique().tolist() == [0, 1]
    assert 0.4 < static(frozen, gen()).mean() < 0.6


def test_specs_that_reach_the_model():
    assert Preprocess(GRAY).spec == GRAY
    for binarization in ("dynamic", "static", "threshold"):
        spec = Preprocess(GRAY, binarization=binarization).spec
        assert (spec.support, spec.levels) == ("boolean", 2)
    spec = Preprocess(COLOR, dequantize=True).spec
    assert (spec.levels, spec.dequantized) == (256, True)
    assert Preprocess(BITS, binarization="dynamic").spec == BITS


def test_bytes_become_v_over_255_exactly():
    raw = torch.arange(256, dtype=torch.uint8).view(16, 1, 4, 4)
    x = Preprocess(GRAY)(raw, gen())
    assert torch.equal(x.flatten(), torch.arange(256) / 255)
    assert x.max() == 1


def test_dequantised_bytes_fill_their_bins():
    raw = torch.arange(256, dtype=torch.uint8).view(16, 1, 4, 4)
    x = Preprocess(GRAY, dequantize=True)(raw, gen())
    assert torch.equal((x * 256).floor(), raw.float())
    assert not torch.equal(x * 256, raw.float())


def test_flips_are_for_training_only_and_per_picture():
    raw = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(200, 1, 4, 4)
    flip = Preprocess(GRAY, flip=True)
    plain = flip(raw, gen())
    assert torch.equal(plain, raw / 255)
    flipped = (flip(raw, gen(), training=True) == plain.flip(-1)).flatten(1).all(1)
    kept = (flip(raw, gen(), training=True) == plain).flatten(1).all(1)
    assert torch.equal(flipped, ~kept)
    assert 60 < flipped.sum() < 140


def test_what_a_model_standardises_stays_in_its_units():
    x = torch.randn(500, 5, generator=gen()) * 3 + 7
    preprocess = Preprocess(REAL, standardize=True)
    assert preprocess.spec.standardized
    for values in (x, x.double()):
        y = preprocess(values, gen())
        assert torch.equal(y, values)
        assert y.dtype == values.dtype
    assert Preprocess(REAL)(x.double(), gen()).dtype == torch.float32
    with pytest.raises(ValueError, match="standardize=true needs real vectors"):
        Preprocess(GRAY, standardize=True)


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (COLOR, {"binarization": "dynamic"}, r"needs grey values .*Use data\.binarization=none"),
        (REAL, {"binarization": "threshold"}, r"needs grey values .*support real"),
        (GRAY, {"binarization": "sometimes"}, r"must be one of none, dynamic.*got 'sometimes'"),
        (GRAY, {"binarization": "static", "dequantize": True}, "bytes that are not binarised"),
        (REAL, {"dequantize": True}, "continuous levels"),
        (BITS, {"dequantize": True}, "2 levels"),
        (REAL, {"flip": True}, "needs pictures"),
        (GRAY, {"flip": "yes"}, "must be true or false"),
    ],
)
def test_settings_that_do_not_suit_the_data(spec, settings, message):
    with pytest.raises(ValueError, match=message):
        Preprocess(spec, **settings)
