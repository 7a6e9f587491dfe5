"""Chains, their figures and k̂ beside those of Pyro, arviz and posteriors."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import HalfCauchy, Independent, MultivariateNormal, Normal, constraints

from vae.evaluation.measures.importance_weights import pareto_k
from vae.inference.mixing import bulk_ess, split_rhat
from vae.inference.target import Target
from vae.mcmc import hmc, nuts, sgld

pytestmark = [
    pytest.mark.peers,
    pytest.mark.usefixtures("double_precision"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
Y = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12]).double()
SIGMA = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18]).double()


def eight_schools(mu, tau, eta):
    prior = Normal(0, 5).log_prob(mu) + HalfCauchy(5.0).log_prob(tau)
    prior = prior + Normal(0, 1).log_prob(eta).sum(-1)
    return prior + Normal(mu + tau * eta, SIGMA).log_prob(Y).sum(-1)


def by_quadrature():
    """The means and deviations of μ and log τ: given τ all is normal."""
    log_tau = torch.linspace(-12, 8, 20_001).double()
    tau = log_tau.exp()
    precision = (SIGMA.square() + tau[:, None].square()).reciprocal()
    v = (precision.sum(1) + 1 / 25).reciprocal()
    m = v * (precision * Y).sum(1)
    log_p = HalfCauchy(5.0).log_prob(tau) + log_tau + v.log() / 2 + m.square() / v / 2
    log_p = log_p + (precision.log() / 2 - precision * Y.square() / 2).sum(1)
    p = log_p.softmax(0)
    mean, log_mean = (p * m).sum(), (p * log_tau).sum()
    std = ((p * (v + m.square())).sum() - mean**2).sqrt()
    log_std = ((p * log_tau.square()).sum() - log_mean**2).sqrt()
    return mean.item(), std.item(), log_mean.item(), log_std.item()


def test_nuts_finds_the_eight_schools():
    mean, std, log_mean, log_std = by_quadrature()
    latents = {
        "mu": constraints.real,
        "tau": constraints.positive,
        "eta": (constraints.real, (8,)),
    }
    q = Independent(Normal(torch.zeros(10).double(), 1.0), 1)
    chains = nuts(
        Target.of(eight_schools, latents), q, num_samples=500, warmup_steps=300, num_chains=2
    )
    assert max(value.max() for value in chains.rhat.values()) < 1.03
    assert chains.mean["mu"] == pytest.approx(mean, abs=0.15 * std)
    assert chains.std["mu"] == pytest.approx(std, rel=0.1)
    assert chains.values["tau"].log().mean() == pytest.approx(log_mean, abs=0.15 * log_std)
    before = torch.get_rng_state()
    hmc(Target.of(eight_schools, latents), q, num_samples=2, warmup_steps=2, num_chains=1)
    assert torch.get_rng_state().equal(before)


def test_a_fit_is_the_mass_matrix():
    """Of a long narrow normal: started from it NUTS needs fewer gradients than from a point."""
    covariance = torch.eye(6) * 1e-4 + 1.0
    p = MultivariateNormal(torch.zeros(6), covariance)
    counts = []

    def counted(x):
        counts[-1] += 1
        return p.log_prob(x)

    target = Target.of(counted, {"x": (constraints.real, (6,))})
    for start in (p, torch.zeros(6)):
        counts.append(0)
        chains = nuts(target, start, num_samples=100, warmup_steps=100, num_chains=1)
        if start is p:
            assert (chains.std["x"] / covariance.diagonal().sqrt() - 1).abs().max() < 0.3
    assert counts[0] < counts[1] / 3


@pytest.mark.parametrize("degrees", [2, 5, 30])
def test_khat_is_that_of_arviz(degrees):
    """Of weights that differ; of equal ones arviz says ∞, where q is perfect."""
    arviz = pytest.importorskip("arviz")
    log_w = np.random.default_rng(0).standard_t(degrees, size=(20, 999))
    theirs = np.array([arviz.psislw(row)[1] for row in log_w])
    np.testing.assert_allclose(pareto_k(torch.tensor(log_w.T)).numpy(), theirs, atol=1e-6)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.9])
def test_figures_of_chains_are_those_of_arviz(rho):
    arviz = pytest.importorskip("arviz")
    x = torch.randn(4, 500)
    for t in range(1, 500):
        x[:, t] = rho * x[:, t - 1] + math.sqrt(1 - rho**2) * x[:, t]
    x[0] *= 1.2
    assert split_rhat(x).item() == pytest.approx(float(arviz.rhat(x.numpy())), abs=1e-10)
    assert bulk_ess(x).item() == pytest.approx(float(arviz.ess(x.numpy())), rel=1e-6)


def test_sgld_has_the_convention_of_posteriors():
    """Drift ε∇ and noise 2ε: the same step size leaves the same variance."""
    posteriors = pytest.importorskip("posteriors")
    precision, step, count = 3.0, 0.2, 20_000
    theirs = posteriors.sgmcmc.sgld.build(
        lambda x, batch: (-precision * x.square().sum() / 2, torch.empty(0)), lr=step
    )
    state = theirs.init(torch.randn(count))
    kept = []
    for i in range(150):
        state, _ = theirs.update(state, None)
        if i % 20 == 10:
            kept.append(state.params)
    target = Target.of(lambda x: -precision * x**2 / 2, {"x": constraints.real}, vectorized=True)
    ours = sgld(
        target, torch.randn(count, 1), step_size=step, num_samples=7, thin=20, warmup_steps=10
    )
    expected = 1 / (precision * (1 - step * precision / 2))
    assert torch.stack(kept[1:]).var().item() == pytest.approx(expected, rel=0.02)
    assert ours.draws.var().item() == pytest.approx(expected, rel=0.02)
