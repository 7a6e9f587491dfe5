"""Rows of examples: in the linear-Gaussian model the latents can be read off the decoded mean."""

import pytest
import torch

from tests.compose import settings_of
from tests.linear_gaussian import LinearGaussian
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import decoded, reconstructions, samples

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


def test_paths_are_decoded_in_parts_to_their_means(gold):
    model, paths = gold.factorised(), torch.randn(2, 3, 4, gold.latent_dim)
    whole = decoded(model, paths, 3)
    assert whole.shape == (2, 3, 4, 6)
    assert torch.allclose(whole, paths @ gold.w.T + gold.b)
    assert torch.allclose(decoded(model, paths, 3, max_rows=5), whole)


def test_one_hot_paths_are_decoded_to_their_means():
    spec = DataSpec("binary", (1, 4, 4), "boolean", 2)
    small = ["model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=3"]
    model = build_model(settings_of(*small, "posterior=categorical"), spec).eval()
    z = torch.rand(2, 5, *model.embed(torch.zeros(1, *spec.shape)).shape[1:])
    rows = decoded(model, z, 2, max_rows=3)
    assert rows.shape == (2, 5, *spec.shape)
    assert torch.allclose(rows[1, 4], model.decode(z[1, 4]).mean)
