"""What a world foresees, of one that is right; and what of the data does not count."""

import pytest
import torch

from tests.models.linear_world import SEEN, A, B, linear_world
from vae.data import DataModule, Memory
from vae.evaluation import NotApplicable, OpenLoop, Subject
from vae.evaluation.drawing.render import picture_of, render

STEPS, CONTEXT = 12, 4
FIELDS = ("x", "action", "reset", "mask")


def data_of(begins):
    """Return sequences without noise, some of which another episode ends; values are missing."""
    action = torch.randn(40, STEPS, 2)
    reset = torch.zeros(40, STEPS, dtype=torch.bool)
    reset[:20, begins] = True
    z = torch.randn(40, 2)
    x = []
    for t in range(STEPS):
        z = torch.where(reset[:, t, None], 5 * torch.randn(40, 2), z @ A.T + action[:, t] @ B.T)
        x.append(SEEN * z)
    fields = {"x": torch.stack(x, 1), "action": action, "reset": reset}
    fields["mask"] = torch.ones(40, STEPS, 2, dtype=torch.bool)
    fields["mask"][:, CONTEXT:] = torch.rand(40, STEPS - CONTEXT, 2) < 0.8
    fields["x"][~fields["mask"]] = 1e6
    return DataModule(Memory(fields, test=fields))


def section(**settings):
    model = linear_world(STEPS, variance=1e-3, noise=2e-3, fields=FIELDS).eval()
    return OpenLoop(context=CONTEXT, **settings)(Subject(model, data_of(begins=9)))


def test_a_world_that_is_right_has_no_error():
    found = section(horizon=8)
    figures = found.figures
    assert set(figures) == {f"{name}_mse_{n}" for name in ("open_loop", "copy") for n in (1, 5, 8)}
    for step in (1, 5, 8):
        assert figures[f"open_loop_mse_{step}"].value < 1e-2
        assert figures[f"copy_mse_{step}"].value > 0.5
    assert len(found.series["model"]) == 8
    assert {"error by step", "foreseen"} == set(found.pictures)


def test_a_context_longer_than_the_sequences_is_refused():
    with pytest.raises(NotApplicable, match="of 12 steps have none after a context of 12"):
        OpenLoop(context=12)(Subject(linear_world(STEPS), data_of(3)))


def test_sequences_of_pictures_are_strips_where_they_stand_still_and_move_elsewhere():
    rows = torch.rand(2, 5, 24, 1, 16, 16)
    strip, movie = render(rows, scale=1), picture_of(rows, ["a", "b"]).pixels
    assert strip.shape == (3, 6 * 18, 12 * 18)
    assert movie.shape == (24, 3, 2 * 50, 5 * 50)
    first = (rows[0, 0, 0, 0] * 255).round().to(torch.uint8)
    assert torch.equal(strip[0, 1:17, 1:17], first)
    assert torch.equal(movie[0, 0, 1:49:3, 1:49:3], first)
    assert picture_of(rows[None], moving=True).pixels.shape[0] == 1
