"""Annealed importance sampling where the normalising constant is known."""

from math import exp

import pytest
import torch
import zuko
from torch import nn

from tests.compose import settings_of
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.build import build_model
from vae.data import DataSpec
from vae.distributions import Conditional, LearnedScale, Normal, NormalPosterior
from vae.evaluation import Annealing, NotApplicable, measure
from vae.evaluation.measures.annealing import SCHEDULES, anneal, log_mean
from vae.evaluation.measures.latent_path import LatentPath
from vae.models import VAE
from vae.priors import StandardNormal, VampPrior

PILOTS = 2


def annealed(model, x, *, num_chains, num_temperatures, from_posterior=False, max_rows=4096):
    """The last stage."""
    path = LatentPath(
        model,
        x,
        num_chains=num_chains + PILOTS,
        max_rows=max_rows,
        from_posterior=from_posterior,
    )
    betas = SCHEDULES["sigmoidal"](num_temperatures)
    z = path.draw(num_chains + PILOTS)
    *_, last = anneal(path, z, betas, scale=path.scale, num_steps=3, num_pilots=PILOTS)
    assert last.log_w.shape == (num_chains, len(x))
    return last


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("count", [2, 50])
def test_schedules_rise_from_zero_to_one(name, count):
    betas = SCHEDULES[name](count)
    assert len(betas) == count + 1
    assert betas[0] == 0
    assert betas[-1] == 1
    assert (betas.diff() > 0).all()


def test_the_error_of_a_logarithm_of_a_mean_is_its_spread():
    log_w = 0.7 * torch.randn(200, 2000, dtype=torch.float64)
    value, error = log_mean(log_w)
    assert value.mean().item() == pytest.approx(0.7**2 / 2, abs=0.01)
    assert error.mean().item() == pytest.approx(value.std().item(), rel=0.06)


def test_the_error_knows_when_one_weight_carries_all():
    log_w = torch.zeros(8, 1, dtype=torch.float64)
    log_w[3] = 50.0
    value, error = log_mean(log_w)
    assert value.item() == pytest.approx(50 - torch.tensor(8.0).log().item(), abs=1e-6)
    assert error > 20


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("from_posterior", [False, True])
def test_the_likelihood_of_a_linear_gaussian_model(from_posterior):
    gold = LinearGaussian()
    x = gold.marginal.sample((30,))
    last = annealed(
        gold.factorised(), x, num_chains=10, num_temperatures=80, from_posterior=from_posterior
    )
    estimate, error = log_mean(last.log_w)
    noise = error.square().sum().sqrt() / len(x)
    assert noise < 0.15
    assert (estimate - gold.log_p(x)).mean().abs() < 4 * noise
    assert 0.5 < last.acceptance.mean() < 0.8


@pytest.mark.usefixtures("double_precision")
def test_weights_are_unbiased_even_with_few_temperatures():
    gold = LinearGaussian()
    x = gold.marginal.sample((1,)).expand(100, -1)
    last = annealed(gold.factorised(), x, num_chains=40, num_temperatures=8)
    weights = (last.log_w - gold.log_p(x)).exp()
    means = weights.mean(0)  # of the chains that share their pilots
    assert weights.std() > 0.5
    assert abs(means.mean() - 1) < 4 * means.std() / len(means) ** 0.5


@pytest.mark.usefixtures("double_precision")
def test_max_rows_changes_nothing():
    gold = LinearGaussian()
    x = gold.marginal.sample((7,))
    results = []
    for max_rows in (4096, 24, 5, 1):
        torch.manual_seed(3)
        last = annealed(
            gold.factorised(),
            x,
            num_chains=4,
            num_temperatures=5,
            max_rows=max_rows,
            from_posterior=True,
        )
        results.append(last.log_w)
    assert all(torch.allclose(results[0], other, atol=1e-9) for other in results[1:])


def small_vae(prior=None):
    """Two latents, a net of one hidden layer, for vectors of eight."""
    encoder = Conditional(
        nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 4)), NormalPosterior(2)
    )
    net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 8))
    decoder = Conditional(net, Normal((8,), scale=LearnedScale(0.5)))
    if prior == "vamp":
        return VAE(encoder, decoder, VampPrior(encoder, (8,), "real", num_components=4))
    if prior == "flow":
        return VAE(encoder, decoder, zuko.flows.NSF(2, transforms=2, hidden_features=(16,)))
    return VAE(encoder, decoder, StandardNormal((2,)))


def curved(count):
    """Noisy points on a bent surface in eight dimensions."""
    a, b = torch.randn(2, count, 1)
    return torch.cat([a, b, a * b, a.sin(), b.cos(), a**2 / 2, a - b, b.tanh()], 1) + (
        0.3 * torch.randn(count, 8)
    )


def train(model, steps=150):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        (-model(curved(128)).elbo.mean()).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model.eval()


@pytest.mark.parametrize("prior", ["normal", "vamp", "flow"])
def test_importance_sampling_agrees_on_a_trained_model(prior):
    model, x = train(small_vae(prior)), curved(12)
    with torch.no_grad():
        sampled, spread = log_mean(model.log_weights(x, num_samples=3000))
        elbo = model(x, num_samples=200).elbo.mean(0)
    for from_posterior, most in ((False, 0.25), (True, 0.05)):
        last = annealed(model, x, num_chains=16, num_temperatures=30, from_posterior=from_posterior)
        estimate, error = log_mean(last.log_w)
        noise = (error.square() + spread.square()).sum().sqrt().item() / len(x)
        assert noise < most
        assert abs((estimate - sampled).mean().item()) < 4 * noise
    assert (sampled - elbo).mean() > 4 * noise  # so that a bound would not do
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def subject_with(width, **settings):
    gold = LinearGaussian()
    x = gold.marginal.sample((20,)).float()
    return gold, x, subject_of(gold.factorised(width=width).float(), x, **settings)


def test_the_section_says_what_was_measured():
    gold, _, subject = subject_with(2.0)
    evaluation = Annealing(num_examples=15, num_temperatures=40, num_samples=2000)
    report = measure(subject, {"annealing": evaluation})
    section = report.sections["annealing"]
    exact = -gold.log_p(subject.examples(15)["x"].double())
    figures = section.figures
    noise = figures["chain_error"].value
    assert figures["nll"].value == pytest.approx(exact.mean().item(), abs=4 * noise)
    assert figures["nll"].error == pytest.approx(exact.std().item() / 15**0.5, rel=0.2)
    assert abs(figures["difference"].value) < 4 * figures["difference"].error
    assert figures["num_examples"].value == 15
    assert 1 < figures["effective_chains"].value <= 8
    assert section.protocol["num_temperatures"] == 40
    assert not section.notes
    again = measure(subject, {"annealing": evaluation})
    assert again.as_dict() == report.as_dict()


def test_a_posterior_that_misses_mass_is_found_out():
    gold, x, subject = subject_with(0.1)
    section = Annealing(num_temperatures=80, num_samples=50, from_posterior=False)(subject)
    figures = section.figures
    exact = -gold.log_p(x[:16].double()).mean().item()
    assert figures["difference"].value > 0.5
    assert figures["nll"].value == pytest.approx(exact, abs=4 * figures["chain_error"].value)
    assert figures["chain_error"].value < figures["difference"].value / 4
    assert any(note.startswith("Importance sampling with 50") for note in section.notes)


def test_too_few_temperatures_are_found_out():
    _, _, subject = subject_with(2.0)
    section = Annealing(num_temperatures=2, num_steps=1, from_posterior=False)(subject)
    assert any(note.startswith("One chain carries") for note in section.notes)


def test_latents_that_are_not_real_are_refused():
    config = settings_of("model=mlp", "posterior=categorical", "data=sprites")
    model = build_model(config, DataSpec("held", (6,), "boolean"))
    subject = subject_of(model, torch.zeros(3, 6).round(), support="boolean")
    with pytest.raises(NotApplicable, match="not real"):
        Annealing()(subject)


@pytest.mark.parametrize("posterior", ["normal", "constant", "nsf"])
def test_configured_posteriors_can_be_annealed(posterior):
    config = settings_of("model=mlp", f"posterior={posterior}", "prior=nsf", "data=sprites")
    model = build_model(config, DataSpec("held", (6,), "boolean"))
    subject = subject_of(model, torch.zeros(3, 6).round(), support="boolean")
    evaluation = Annealing(num_temperatures=2, num_steps=1, from_posterior=posterior == "nsf")
    assert 0 < exp(-evaluation(subject).figures["nll"].value) < 1


@pytest.mark.parametrize(
    "setting",
    [
        {"num_examples": 0},
        {"num_chains": 1},
        {"num_temperatures": 1},
        {"num_steps": 0},
        {"num_samples": 1},
        {"schedule": "linear"},
    ],
)
def test_settings_that_mean_nothing_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Annealing(**setting)
