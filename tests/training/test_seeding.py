"""Noise is a function of its key."""

import pytest
import torch

from vae.training.seeding import seed_noise

CPU = torch.device("cpu")
KEY = (0, 0, 1, 2, 3)  # seed, stream, rank, epoch, batch


def noise(*key):
    seed_noise(CPU, *key)
    return torch.randn(8)


def test_the_same_key_gives_the_same_noise_whatever_came_before():
    first = noise(*KEY)
    torch.manual_seed(123)
    torch.randn(5)
    assert torch.equal(noise(*KEY), first)


@pytest.mark.parametrize("position", range(len(KEY)))
def test_every_part_of_the_key_changes_the_noise(position):
    other = [part + (i == position) for i, part in enumerate(KEY)]
    assert not torch.equal(noise(*KEY), noise(*other))


def test_neighbouring_keys_are_unrelated():
    draws = torch.stack([noise(0, 0, 0, 0, batch) for batch in range(500)])
    correlation = torch.corrcoef(draws.T) - torch.eye(8)
    assert correlation.abs().max() < 5 / 500**0.5
    assert len(draws[:, 0].unique()) == 500
