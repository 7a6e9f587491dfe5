"""The gold test: against the exact log p(x) of a linear-Gaussian model."""

import pytest
import torch
from torch.distributions import kl_divergence
from torch.distributions.multivariate_normal import MultivariateNormal

from tests.linear_gaussian import LinearGaussian
from vae.objectives import ELBO, IWAE

pytestmark = pytest.mark.usefixtures("double_precision")


def z_score(values, expected):
    """Distance of a mean over dim 0 from its expectation, in standard errors."""
    return (values.mean(0) - expected) / (values.std(0) / len(values) ** 0.5)


def test_at_the_exact_posterior_every_weight_is_the_likelihood():
    gold = LinearGaussian()
    x = gold.marginal.sample((5,))
    trace = gold.exact()(x, num_samples=4)
    assert torch.allclose(trace.log_weight, gold.log_p(x).expand(4, 5), rtol=0, atol=1e-10)


def test_elbo_at_the_exact_factorised_posterior_is_the_likelihood():
    gold = LinearGaussian(orthogonal=True)
    x = gold.marginal.sample((5,))
    trace = gold.factorised()(x, num_samples=4)
    assert torch.allclose(trace.log_weight, gold.log_p(x).expand(4, 5), rtol=0, atol=1e-10)
    trace = gold.factorised()(x, num_samples=20_000)
    assert z_score(trace.elbo, gold.log_p(x)).abs().max() < 4


def test_gap_of_a_factorised_posterior_is_its_divergence():
    gold = LinearGaussian()
    x = gold.marginal.sample((5,))
    trace = gold.factorised()(x, num_samples=50_000)
    q = trace.latents[0].q
    full = MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    gap = kl_divergence(full, gold.posterior(x))
    assert gap.min() > 0.1
    assert z_score(trace.log_weight, gold.log_p(x) - gap).abs().max() < 4
    assert z_score(trace.elbo, gold.log_p(x) - gap).abs().max() < 4


def test_objectives_are_the_negative_bounds():
    gold = LinearGaussian()
    x = gold.marginal.sample((5,))
    trace = gold.factorised()(x, num_samples=7)
    elbo = ELBO(num_samples=7)(trace)
    assert sum(elbo.values()).item() == pytest.approx(-trace.elbo.mean().item(), abs=1e-12)
    exact = gold.exact()(x, num_samples=7)
    iwae = IWAE(num_samples=7)(exact)["iwae"].item()
    assert iwae == pytest.approx(-gold.log_p(x).mean().item(), abs=1e-10)


def test_iwae_rises_to_the_likelihood():
    gold, repeats = LinearGaussian(), 4000
    x = gold.marginal.sample((1,)).expand(repeats, -1)
    bounds = {}
    for k in (1, 4, 16, 64):
        log_w = gold.factorised(width=2.0)(x, num_samples=k).log_weight
        bounds[k] = log_w.logsumexp(0) - torch.tensor(float(k)).log()
    means = [bound.mean().item() for bound in bounds.values()]
    errors = [bound.std().item() / repeats**0.5 for bound in bounds.values()]
    assert means == sorted(means)
    assert all(m < gold.log_p(x[0]) + 3 * e for m, e in zip(means, errors, strict=True))
    assert gold.log_p(x[0]) - means[-1] < 0.1 * (gold.log_p(x[0]) - means[0])


def test_importance_sampling_finds_the_likelihood():
    gold = LinearGaussian()
    x = gold.marginal.sample((6,))
    estimate = gold.factorised(width=2.0).log_likelihood(x, num_samples=50_000, max_rows=9_999)
    assert torch.allclose(estimate, gold.log_p(x), atol=0.03)


def test_gradient_is_zero_where_the_posterior_is_exact():
    """At q = p(z|x) the expected gradient of the ELBO in the encoder vanishes."""
    gold = LinearGaussian(orthogonal=True)
    model = gold.factorised()
    x = gold.marginal.sample((1,))
    grads = []
    for _ in range(400):
        model.zero_grad()
        sum(ELBO(num_samples=10)(model(x, num_samples=10)).values()).backward()
        grads.append(model.encoder.net.bias.grad.clone())
    grads = torch.stack(grads)
    assert z_score(grads, 0.0).abs().max() < 4.5
