"""Relaxed categories at any temperature: the density is that of the draw."""

from math import exp, log

import pytest
import torch
from scipy.integrate import quad
from scipy.special import digamma

from tests.compose import settings_of
from vae.build import build_model, build_objective
from vae.data import DataSpec
from vae.distributions import (
    CategoricalPosterior,
    GumbelSoftmax,
    LogGumbelSoftmax,
    UniformMixture,
    fixed_log_prob,
    in_logarithms,
)
from vae.objectives.penalties.from_trace import draws

TEMPERATURES = [0.01, 0.1, 0.5, 2.0]


def log_ratio(logits, temperature, count):
    """Return log q − log p of draws of q, (count,), against uniform categories, from one seed."""
    torch.manual_seed(1)
    q = LogGumbelSoftmax(temperature, logits)
    p = LogGumbelSoftmax(temperature, torch.zeros_like(logits))
    log_z = q.rsample((count,))
    return q.log_prob(log_z) - p.log_prob(log_z)


def exact_kl(logits):
    """The KL to uniform categories by quadrature.

    With E_i = e^(−g_i) exponential and w = p/q the ratio is Σ log 1/w − C log(Σ E / Σ w E), of
    which E log Σ w_i E_i = ∫ (e^(−t) − Π 1/(1 + w_i t)) dt/t. No temperature is left.
    """
    log_w = -logits.log_softmax(0) - log(len(logits))
    w = log_w.exp().numpy()

    def at(u):  # t = e^u
        return exp(-exp(u)) - 1 / (1 + w * exp(u)).prod()

    mean, _ = quad(at, -50, 50, limit=2000, points=[-10, 0, 10])
    return -log_w.sum().item() + len(w) * (mean - digamma(len(w)))


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kl_is_the_exact_one_at_every_temperature(dtype, temperature):
    torch.manual_seed(0)
    logits = 3 * torch.randn(10)
    found = log_ratio(logits.to(dtype), temperature, 100_000).double()
    exact = exact_kl(logits.double())
    assert exact == pytest.approx(32.5775, abs=1e-4)
    assert abs(found.mean() - exact) < 4 * found.std() / 100_000**0.5


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_single_precision_is_near_double(temperature):
    logits = 3 * torch.randn(10)
    torch.manual_seed(1)
    q, p = (LogGumbelSoftmax(temperature, x) for x in (logits, torch.zeros(10)))
    log_z = q.rsample((10_000,))
    assert log_z.isfinite().all()
    wide = [LogGumbelSoftmax(temperature, d.logits.double()) for d in (q, p)]
    for narrow, exact in zip((q, p), wide, strict=True):
        error = narrow.log_prob(log_z).double() - exact.log_prob(log_z.double())
        assert error.abs().max() < 1e-3


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradients_do_not_depend_on_the_temperature(temperature):
    """The log-ratio is a function of the noise and the logits alone, draw by draw."""
    logits = (3 * torch.randn(10)).requires_grad_()
    found = [
        torch.autograd.grad(log_ratio(logits, t, 1000).mean(), logits)[0] for t in (temperature, 1)
    ]
    assert torch.allclose(*found, rtol=1e-3, atol=1e-3)


def test_the_density_on_the_simplex_has_no_value_where_a_coordinate_is_lost():
    q = GumbelSoftmax(0.01, 5 * torch.randn(100, 10))
    z = q.rsample()
    lost = (z == 0).any(-1)
    assert lost.any()
    assert q.log_prob(z)[lost].isnan().all(), "a wrong number would go unseen"
    assert q.logarithm.log_prob(q.logarithm.rsample()).isfinite().all()


def test_the_logarithm_is_taken_inside_of_joints_and_mixtures(double_precision):
    q = CategoricalPosterior(2, num_categories=3)(torch.randn(5, 6))
    z = q.rsample()
    log_z = z.log()
    for whole in (q, UniformMixture(q)):
        jacobian = log_z.sum((-2, -1))
        inside = in_logarithms(whole)
        assert torch.allclose(inside.log_prob(log_z) - jacobian, whole.log_prob(z))
    exact = CategoricalPosterior(2, num_categories=3).eval()(torch.randn(5, 6))
    assert in_logarithms(exact) is exact


def model_and_objective(*overrides):
    small = ["data=mnist", "model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=3"]
    settings = settings_of(*small, "posterior=categorical", *overrides)
    spec = DataSpec("bits", (6,), "boolean", levels=None)
    model = build_model(settings, spec)
    return model, build_objective(settings, model, spec)


@pytest.mark.parametrize(
    "overrides",
    [
        ["prior=vamp"],
        ["objective=free_bits"],
        ["estimator=stl"],
        ["objective=iwae", "objective.num_samples=4"],
        ["objective=iwae", "objective.num_samples=4", "estimator=dreg", "prior=vamp"],
        ["penalty=[mmd,total_correlation,latent_norm,gradient_penalty]"],
    ],
)
def test_terms_and_gradients_are_finite_at_a_low_temperature(overrides):
    model, objective = model_and_objective("posterior.temperature=0.01", *overrides)
    with torch.no_grad():
        model.encoder.net.layers[-1].weight.mul_(50)  # logits of deviation far above 1
    x = torch.bernoulli(torch.full((16, 6), 0.5))
    terms = objective(model(x, num_samples=objective.num_samples()))
    sum(terms.values()).backward()
    assert all(term.isfinite() for term in terms.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_nets_and_penalties_read_points_of_the_simplex():
    model, _ = model_and_objective("posterior.temperature=0.1")
    x = torch.zeros(7, 6)
    trace = model(x, num_samples=2)
    latent = trace.latents[0]
    assert torch.allclose(latent.point.sum(-1), torch.ones(2, 7, 3))
    assert torch.equal(latent.point, latent.z.exp())
    assert torch.equal(trace.px.base_dist.logits, model.decode(latent.point).base_dist.logits)
    for z in (*(part.unflatten(1, (3, 10)) for part in draws(trace)), model.sample_latents(5)):
        assert torch.allclose(z.sum(-1), torch.ones(z.shape[:-1]))
    assert torch.allclose(model.embed(x).sum(-1), torch.ones(7, 3))


@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_importance_weights_in_training_mode_are_those_of_the_trace(temperature):
    model, _ = model_and_objective(f"posterior.temperature={temperature}", "prior=vamp")
    x = torch.bernoulli(torch.full((7, 6), 0.5))
    torch.manual_seed(3)
    log_w = model(x, num_samples=4).log_weight
    torch.manual_seed(3)
    assert torch.allclose(model.log_weights(x, num_samples=4), log_w, atol=1e-4)


def test_what_estimators_hold_fixed_is_the_same_density():
    model, _ = model_and_objective("posterior.temperature=0.02")
    latent = model(torch.zeros(7, 6)).latents[0]
    assert torch.equal(fixed_log_prob(latent.q, latent.z), latent.log_q)
