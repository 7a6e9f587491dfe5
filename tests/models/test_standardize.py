"""A model that standardises against the exact model of the data in their own units."""

import copy

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.compose import settings_of
from tests.evaluation.subjects import Held
from tests.linear_gaussian import LinearGaussian
from vae.build import build_model
from vae.cli.train import start_at_data
from vae.data import DataModule, DataSpec, TensorExamples
from vae.models import Standardize

SHIFT = torch.tensor([1000.0, 1e6, 0.0, -3.0, 7.0, 20.0]).double()
SCALE = torch.tensor([50.0, 60.0, 1e-3, 1.0, 0.2, 5.0]).double()


@pytest.fixture
def exact():
    """The linear-Gaussian model with its exact posterior, and log p(x) in units of the data."""
    known = LinearGaussian()
    model = known.exact().double()
    model.standardize = Standardize((6,)).double()
    model.standardize.set(SHIFT, SCALE)
    scale = SCALE.diag()
    marginal = MultivariateNormal(
        SHIFT + SCALE * known.b, scale @ known.marginal.covariance_matrix @ scale
    )
    return model, marginal


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-3)])
def test_every_density_is_of_x_in_its_units(exact, dtype, tolerance):
    """Under the exact posterior every weight is p(x), so that ELBO and likelihood are exact too."""
    model, marginal = exact
    x = marginal.sample((9,))
    expected = marginal.log_prob(x)
    if dtype == torch.float32:
        model.float()
        model.encoder.gain, model.encoder.offset, model.encoder.covariance = (
            t.float() for t in (model.encoder.gain, model.encoder.offset, model.encoder.covariance)
        )
        model.standardize.shift = SHIFT  # as data in float64 have it
    found = {
        "weights": model(x, num_samples=3).log_weight,
        "log_weights": model.log_weights(x, num_samples=3),
        "log_likelihood": model.log_likelihood(x, num_samples=3),
    }
    for name, value in found.items():
        assert value.dtype == dtype, name
        assert (value - expected).abs().max() < tolerance, name


def test_what_a_user_gives_and_gets_is_in_the_units_of_the_data(exact):
    model, marginal = exact
    torch.manual_seed(0)
    draws = model.sample(20_000, noise=True)
    error = marginal.variance.sqrt() / 20_000**0.5
    assert ((draws.mean(0) - marginal.mean).abs() < 4 * error).all()
    assert (draws.std(0) / marginal.variance.sqrt() - 1).abs().max() < 0.03
    x = draws[:500]
    plain = copy.deepcopy(model)
    plain.standardize = None
    u = (x - SHIFT) / SCALE
    torch.testing.assert_close(model.encode(x).mean, plain.encode(u).mean)
    torch.testing.assert_close(model.reconstruct(x), SHIFT + SCALE * plain.reconstruct(u))
    z = model.embed(x)
    torch.testing.assert_close(model.decode(z).stddev / SCALE, plain.decode(z).stddev)


MODEL = ["data=array", "data.path=x.npy", "model=mlp", "model.latent_dim=2"]


def data_of(x, **settings):
    spec = DataSpec("made", tuple(x.shape[1:]), "real")
    return DataModule(Held(spec, TensorExamples(x)), batch_size=8, **settings)


def started(x, *overrides):
    """Return the model of a run before its first step."""
    data = data_of(x, standardize=True)
    model = build_model(settings_of(*MODEL, "model.encoder.hidden=[8]", *overrides), data.spec)
    start_at_data(model, data)
    return model, data


def test_time_stamps_stay_distinct():
    stamps = 1.7e9 + 60 * torch.arange(480).double()
    x = torch.stack([stamps, stamps.flip(0)], 1)
    model, data = started(x)
    assert data.examples("train")["x"][:, 0].unique().numel() == 480
    assert model.standardized(x)[:, 0].unique().numel() == 480
    assert model.encode(x).mean[:, 0].unique().numel() > 400
    assert model.sample(300)[:, 0].unique().numel() == 300
    # A file knows the type of its data, an untrained model does not.
    other = build_model(settings_of(*MODEL, "model.encoder.hidden=[8]"), data.spec)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.standardize.shift, model.standardize.shift)
    assert other.standardize.shift.dtype == torch.float64
    assert torch.equal(other.reconstruct(x), model.reconstruct(x))


def test_pseudo_inputs_are_what_the_encoder_sees():
    x = 1000 + 50 * torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    model, data = started(x, "prior=vamp", "prior.num_components=20")
    seen = model.standardized(data.examples("train", 20)["x"])
    assert (model.prior.pseudo_inputs - seen).abs().max() < 0.5


@pytest.mark.parametrize("likelihood", ["normal_optimal", "normal_pixelwise", "laplace"])
def test_a_likelihood_meets_standardised_values(likelihood):
    """Its own scale is that of them: the same at any unit."""
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)) * 1e-3 + 5.0
    found = []
    for factor in (1.0, 1024.0):
        torch.manual_seed(0)
        model, _ = started(factor * x, f"likelihood={likelihood}")
        torch.manual_seed(0)
        found.append(model(factor * x).log_px + 3 * torch.tensor(factor).log())
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-3)


def test_a_model_without_it_is_as_it_was():
    x = torch.randn(8, 3)
    data = data_of(x)
    model = build_model(settings_of(*MODEL, "model.encoder.hidden=[8]"), data.spec)
    assert model.standardize is None
    assert model.standardized(x) is x
    assert not any("standardize" in name for name in model.state_dict())
