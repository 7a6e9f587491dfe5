"""Real-valued pictures are drawn over the range of the data, by everything that draws them."""

import sys

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.steps import MLP, composed
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import (
    ByLabel,
    Gallery,
    Imputation,
    Interpolations,
    Neighbours,
    Scatter,
    Traversals,
    render,
)
from vae.evaluation.drawing.render import GAP
from vae.evaluation.drawing.value_range import value_range
from vae.evaluation.quality.view import View
from vae.training.callbacks.picture_log import draw_all

RANGES = {"reals of -1 to 1": (-1, 1), "reals of 0 to 255": (0, 255), "bytes": (0, 1)}
DRAWING = [
    Gallery(2),
    Traversals(max_dims=1, starts=1, steps=2, frames=2),
    Interpolations(pairs=1, steps=2, frames=2, rounds=1),
    Neighbours(num_samples=2),
    ByLabel(2),
    Imputation(num_examples=2, chains=1, burn_in=1, steps=1),
    Scatter(),
]


def ramps(low, high, count=24):
    """Pictures ``(N, 1, 8, 8)`` of all grey values between two."""
    ramp = torch.linspace(low, high, 64).view(1, 1, 8, 8)
    return torch.cat([ramp.roll(i, -1) for i in range(count)])


def subject_between(low, high):
    support = "unit_interval" if (low, high) == (0, 1) else "real"
    spec = DataSpec("ramps", (1, 8, 8), support)
    model = build_model(composed(*MLP, "likelihood=normal"), spec)
    return subject_of(model, ramps(low, high), labels=torch.arange(24) % 2, support=support)


@pytest.mark.parametrize("name", RANGES)
def test_black_and_white_are_the_ends_of_the_data(name):
    low, high = RANGES[name]
    subject = subject_between(low, high)
    assert value_range(subject.data) == (low, high)
    picture = Gallery(2)(subject).pictures["reconstructions"].pixels
    original = picture[0, GAP // 2 :: 6, GAP // 2 :: 6][:8, :8]
    first = subject.examples(2)["x"][0, 0]
    expected = ((first - low) / (high - low) * 255).round()
    assert (expected.min(), expected.max()) == (0, 255)
    assert torch.equal(original.float(), expected)
    assert View.of(subject).protocol["value_range"] == [low, high]


@pytest.mark.parametrize("name", RANGES)
def test_everything_that_draws_sees_through_one_window(name, monkeypatch):
    subject, spans = subject_between(*RANGES[name]), []
    for module in ("render", "thumbnails"):
        drawing = sys.modules[f"vae.evaluation.drawing.{module}"]

        def noted(x, span, real=drawing.stretched):
            spans.append(span)
            return real(x, span)

        monkeypatch.setattr(drawing, "stretched", noted)
    for evaluation in DRAWING:
        before = len(spans)
        evaluation(subject)
        assert len(spans) > before, evaluation
    x = {"x": subject.examples(2)["x"]}
    draw_all(subject.model, x, 2, 1, value_range(subject.data))
    assert set(spans) == {RANGES[name]}


def test_a_span_is_what_becomes_black_and_white():
    x = torch.tensor([-3.0, -2.0, 0.0, 2.0, 3.0]).view(1, 5, 1, 1, 1)
    picture = render(x, span=(-2, 2), scale=1)[0, GAP // 2, GAP // 2 :: GAP + 1]
    assert picture.tolist() == [0, 0, 128, 255, 255]
