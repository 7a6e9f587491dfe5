"""Sequences of a disc: a function of seed and number, that obeys its actions."""

import pytest
import torch

from vae.data import DataModule, MovingSprites
from vae.data.sets.moving_sprites import PUSH, RADIUS, TOP

SIDE = 16


def loaded(size=40, **settings):
    return MovingSprites(size, steps=20, side=SIDE, **settings).load().train


def test_a_sequence_is_a_function_of_seed_and_number():
    few, many = loaded(5), loaded(40)
    assert all(torch.equal(a, b[:5]) for a, b in zip(few.course, many.course, strict=True))
    chosen = torch.tensor([3, 1])
    assert torch.equal(many.subset(chosen).take(torch.tensor([0, 1])), few.take(chosen))
    assert not torch.equal(loaded(5, seed=1).take(chosen), few.take(chosen))


def test_the_disc_stands_where_it_is_said_to_stand():
    found = loaded()
    pictures = found.take(torch.arange(40)).double()
    assert set(pictures.unique().tolist()) == {0, 1}
    line = torch.arange(SIDE).double()
    mass = pictures.sum((-1, -2))[:, :, 0]
    assert torch.allclose(mass, torch.tensor(torch.pi * (RADIUS * SIDE) ** 2).double(), rtol=0.3)
    right, down = ((pictures[:, :, 0].sum(dim) * line).sum(-1) / mass for dim in (-2, -1))
    error = torch.stack([right, down], -1) - found.fields["position"]
    assert error.abs().max() < 0.5


def test_actions_push_it_and_the_sides_throw_it_back():
    """Two steps of free flight tell the velocity; the third is known but for what may happen."""
    position, action, reset = (part.double() for part in loaded(400, reset_rate=0.1).course)
    low, high = RADIUS * SIDE, (1 - RADIUS) * SIDE - 1
    assert (position >= low - 1e-5).all()
    assert (position <= high + 1e-5).all()
    assert not action[reset.bool()].any()
    assert action.abs().max() <= 1
    assert reset[:, 0].all()
    assert 0.08 < reset[:, 1:].mean() < 0.12
    speed = position[:, 1:-1] - position[:, :-2]
    expected = (speed + PUSH * SIDE * action[:, 2:]).clamp(-TOP * SIDE, TOP * SIDE)
    ahead = position[:, 1:-1] + expected
    inside = ahead.clamp(low, high)
    margin = TOP * SIDE  # within which the step before may have been thrown back
    before = position[:, :-2]
    flew = (before > low + margin) & (before < high - margin)
    flew &= ~(reset[:, 1:-1, None] + reset[:, 2:, None]).bool()
    right = (position[:, 2:] - (2 * inside - ahead)).abs() < 1e-4
    assert flew.double().mean() > 0.2
    assert right[flew].all()
    assert (ahead != inside)[flew].any()


def test_a_batch_holds_what_a_world_reads():
    source = MovingSprites(60, steps=5, side=SIDE)
    batch = DataModule(source, val_size=10, test_size=10).examples("train", 7)
    shapes = {name: tuple(value.shape) for name, value in batch.items()}
    assert shapes["x"] == (7, 5, 1, SIDE, SIDE)
    assert (shapes["action"], shapes["reset"], shapes["position"]) == ((7, 5, 2), (7, 5), (7, 5, 2))
    assert batch["x"].dtype == torch.float32
    for setting in ({"side": 7}, {"steps": 0}, {"reset_rate": 2}):
        with pytest.raises(ValueError, match=f"data.{next(iter(setting))} must be"):
            MovingSprites(**setting)
