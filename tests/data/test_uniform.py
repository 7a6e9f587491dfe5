"""Numbers that belong to rows: uniform, unrelated, and the same however they are asked for."""

import pytest
import torch

from vae.data.randomness import stream_seed
from vae.data.uniform import _bits, uniform

N, D = 4000, 501


def numbers():
    return uniform(torch.arange(N), D, 3, 1)


def test_a_number_depends_on_key_row_and_place_alone():
    whole, order = numbers(), torch.randperm(N, generator=torch.Generator().manual_seed(0))
    assert torch.equal(uniform(order, D, 3, 1), whole[order])
    assert torch.equal(torch.cat([uniform(part, D, 3, 1) for part in order.split(7)]), whole[order])
    assert torch.equal(uniform(order[:5], 20, 3, 1), whole[order[:5], :20])
    assert not torch.equal(uniform(order[:5], D, 3, 2), whole[order[:5]])


def test_signed_arithmetic_of_any_device_gives_the_bits_of_unsigned():
    rows = torch.tensor([0, 1, 2**31, 2**40 + 7, 737_279])
    seeds = [stream_seed(i) for i in range(10)]
    assert min(seeds) < 2**63 <= max(seeds)
    for i, seed in enumerate(seeds):
        assert torch.equal(_bits(rows, 500, seed) * 2.0**-24, uniform(rows, 1000, i))


def test_they_are_uniform_overall_in_each_row_and_at_each_place():
    u = numbers()
    assert (u.min() >= 0) & (u.max() < 1)
    counts = (u * 256).long().flatten().bincount(minlength=256).double()
    expected = N * D / 256
    # χ² with 255 degrees of freedom: mean 255, deviation 22.6.
    assert abs(((counts - expected) ** 2 / expected).sum() - 255) < 5 * 22.6
    low = (u * 2**24).long() & 0xFF  # the last bits are as good as the first
    counts = low.flatten().bincount(minlength=256).double()
    assert abs(((counts - expected) ** 2 / expected).sum() - 255) < 5 * 22.6
    for dim, size in ((0, N), (1, D)):
        means = u.double().mean(dim)
        assert (means - 0.5).abs().max() < 5.5 * (1 / 12 / size) ** 0.5


@pytest.mark.parametrize("lag", [1, 2, 3, 28])
def test_neighbouring_places_and_rows_are_unrelated(lag):
    u = numbers().double() - 0.5
    for a, b in ((u[:, lag:], u[:, :-lag]), (u[lag:], u[:-lag])):
        correlation = 12 * (a * b).mean().item()
        assert abs(correlation) < 5 / a.numel() ** 0.5
    other = uniform(torch.arange(N), D, 4, 1).double() - 0.5
    assert abs(12 * (u * other).mean().item()) < 5 / u.numel() ** 0.5


def test_pairs_of_neighbours_fill_the_square():
    u = (numbers() * 16).long()
    for a, b in ((u[:, 1:], u[:, :-1]), (u[1:], u[:-1])):
        counts = (16 * a + b).flatten().bincount(minlength=256).double()
        expected = a.numel() / 256
        assert abs(((counts - expected) ** 2 / expected).sum() - 255) < 5 * 22.6
