"""Rows of examples: in the linear-Gaussian model the latents can be read off the decoded mean."""

import pytest
import torch

from tests.compose import settings_of
from tests.linear_gaussian import LinearGaussian
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import interpolations, most_used, reconstructions, samples, traversals

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def gold():
    return LinearGaussian()


def latents_of(gold, x):
    """The latents whose decoded mean is x."""
    return (x - gold.b) @ torch.linalg.pinv(gold.w).T


def test_originals_stand_above_their_reconstructions(gold):
    x, model = gold.marginal.sample((5,)), gold.factorised()
    rows = reconstructions(model, x)
    assert rows.shape == (2, 5, 6)
    assert torch.equal(rows[0], x)
    assert torch.allclose(rows[1], (x - gold.b) @ gold.gain.T @ gold.w.T + gold.b)


def test_samples_come_from_a_fixed_noise_and_leave_the_random_state_alone(gold):
    model, before = gold.factorised(), torch.get_rng_state()
    rows = samples(model, 2, 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert rows.shape == (2, 3, 6)
    torch.randn(4)
    assert torch.equal(samples(model, 2, 3), rows)
    assert not torch.equal(samples(model, 2, 3, seed=1), rows)


def test_temperature_scales_the_latents_of_samples(gold):
    model = gold.factorised()
    plain, cool = (latents_of(gold, samples(model, 2, 3, temperature=t)) for t in (1.0, 0.5))
    assert torch.allclose(cool, 0.5 * plain)


def test_a_traversal_moves_its_dimension_alone(gold):
    x, model = gold.marginal.sample(), gold.factorised()
    dims, steps, reach = [2, 0], 5, 1.5
    rows = traversals(model, x, dims, steps=steps, reach=reach)
    assert rows.shape == (2, steps, 6)
    z = latents_of(gold, rows)
    centre = model.embed(x[None])[0]
    for row, dim in enumerate(dims):
        expected = centre.repeat(steps, 1)
        expected[:, dim] = torch.linspace(-reach, reach, steps)
        assert torch.allclose(z[row], expected)


def test_a_traversal_of_a_one_hot_variable_visits_its_categories():
    spec = DataSpec("binary", (1, 4, 4), "boolean", 2)
    small = ["model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=3"]
    model = build_model(settings_of(*small, "posterior=categorical"), spec).eval()
    x = torch.rand(*spec.shape).round()
    centre = model.embed(x[None])[0]
    variables, categories = centre.shape
    rows = traversals(model, x, [1], steps=categories + 3)
    assert rows.shape == (1, categories, *spec.shape)
    for category in range(categories):
        z = centre.clone()
        z[1] = torch.eye(categories)[category]
        assert torch.allclose(rows[0, category], model.decode(z).mean)
    assert traversals(model, x, [0, 2], steps=2).shape == (2, 2, *spec.shape)
    assert variables == 3


def test_interpolations_run_straight_from_one_reconstruction_to_the_other(gold):
    model = gold.factorised()
    start, end = gold.marginal.sample((2, 4))
    rows = interpolations(model, start, end, steps=5)
    assert rows.shape == (4, 5, 6)
    assert torch.allclose(rows[:, 0], model.reconstruct(start))
    assert torch.allclose(rows[:, -1], model.reconstruct(end))
    z = latents_of(gold, rows)
    assert torch.allclose(z.diff(dim=1), z.diff(dim=1)[:, :1].expand(4, 4, 3))


def test_the_most_used_one_hot_variables_are_whole_variables():
    """Where the KL does not split, a variable's categories count together."""
    spec = DataSpec("binary", (1, 8, 8), "boolean", 2)
    small = ["model=mlp", "model.encoder.hidden=[16]", "model.latent_dim=4"]
    model = build_model(settings_of(*small, "posterior=categorical"), spec).eval()
    x = torch.rand(6, 1, 8, 8).round()
    assert sorted(most_used(model, x, None, 10)) == [0, 1, 2, 3]
    assert most_used(model, x, torch.tensor([1.0, 4.0, 3.0, 2.0]), 2) == [1, 2]
