"""The examples of other packages find what is known of their posteriors."""

import pytest
import torch
from torch.distributions import Normal

from examples import (
    assignments,
    eight_schools,
    linear_regression,
    logistic_regression,
    mixture,
    normal_mean,
)


def near(found, exact, deviation, part):
    """Say whether means are as near as a part of the posterior's standard deviation."""
    found, exact, deviation = (torch.as_tensor(v).double() for v in (found, exact, deviation))
    return bool(((found - exact).abs() < part * deviation).all())


def test_normal_mean():
    fit = normal_mean.fitted(quiet=True)
    assert near(fit.q.mean, 0.0, 0.14, 0.05)
    assert fit.q.stddev.item() == pytest.approx(51**-0.5, rel=0.02)  # Edward's text says 0.140
    assert fit.diagnosis.trusted


def test_linear_regression():
    fit = linear_regression.fitted(quiet=True)
    mean, deviation = linear_regression.exact()
    assert near(fit.q.mean, mean, deviation, 0.1)
    ratio = fit.q.covariance_matrix.diagonal().sqrt() / deviation
    assert ((ratio - 1).abs() < 0.1).all()


@pytest.mark.slow
def test_logistic_regression():
    """Against quadrature over a grid that holds the posterior."""
    fit = logistic_regression.fitted(quiet=True)
    axis = torch.linspace(-10, 8, 401).double()
    weight, bias = torch.meshgrid(axis, axis, indexing="ij")
    log_p = torch.vmap(torch.vmap(logistic_regression.log_joint))(weight, bias)
    p = log_p.flatten().softmax(0).view_as(log_p)
    for name, values in (("weight", weight), ("bias", bias)):
        mean = (p * values).sum()
        deviation = (p * (values - mean) ** 2).sum().sqrt()
        assert near(fit.mean[name], mean, deviation, 0.15)
        assert fit.std[name].item() == pytest.approx(deviation.item(), rel=0.15)


def of_schools(prior):
    """Return mean and deviation of μ and of log τ, by quadrature over log τ."""
    of_mu, of_tau = eight_schools.PRIORS[prior]
    y, errors = eight_schools.EFFECTS.double(), eight_schools.ERRORS.double()
    log_tau = torch.linspace(-8, 8, 20_001).double()
    variance = errors**2 + log_tau.exp()[:, None] ** 2
    of_prior = of_mu.scale.double() ** -2
    precision = of_prior + (1 / variance).sum(-1)
    mean = (y / variance).sum(-1) / precision  # of μ, which is normal given τ
    log_p = of_tau.log_prob(log_tau.exp()) + log_tau
    log_p = log_p + Normal(0.0, variance.sqrt()).log_prob(y).sum(-1)
    p = (log_p + 0.5 * ((of_prior / precision).log() + precision * mean**2)).softmax(0)
    means = (p * mean).sum(), (p * log_tau).sum()
    squares = (p * (mean**2 + 1 / precision)).sum(), (p * log_tau**2).sum()
    return [(m, (s - m**2).sqrt()) for m, s in zip(means, squares, strict=True)]


@pytest.mark.slow
def test_eight_schools():
    (mu, of_mu), (log_tau, of_log_tau) = of_schools("stan")
    found = eight_schools.fitted(quiet=True).q.mean  # of μ, log τ and the rest
    assert near(found[0], mu, of_mu, 0.05)
    assert near(found[1], log_tau, of_log_tau, 0.05)


@pytest.mark.slow
def test_eight_schools_under_a_wider_prior_are_no_normal_and_the_fit_says_so():
    (mu, of_mu), (log_tau, of_log_tau) = of_schools("tfp")
    fit = eight_schools.fitted(prior="tfp", quiet=True)
    assert near(fit.q.mean[0], mu, of_mu, 0.05)
    assert near(fit.q.mean[1], log_tau, of_log_tau, 0.2)  # not .05: full rank does not hold it
    assert not fit.diagnosis.trusted


@pytest.mark.slow
def test_centred_schools_are_not_to_be_trusted():
    fit = eight_schools.fitted(centred=True, posterior="mean_field", quiet=True)
    assert fit.diagnosis.khat > fit.diagnosis.threshold
    assert not fit.diagnosis.trusted


@pytest.mark.slow
def test_mixture():
    """Components are so far apart that the posterior is that of known assignments."""
    fit = mixture.fitted(quiet=True)
    counts = torch.bincount(mixture.COMPONENT).double()
    share = (1 + counts) / (2 + counts.sum())
    assert near(fit.mean["share"], share, (share[0] * share[1] / 503) ** 0.5, 0.1)
    for k in range(2):
        of_k = mixture.X[mixture.COMPONENT.eq(k)]
        assert near(fit.mean["loc"][k], of_k.mean(0), of_k.std(0) / counts[k] ** 0.5, 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["enumerate", "score"])
def test_assignments(estimator):
    """The weights of a mean field lead to what a sum over all assignments gives."""
    fit = assignments.fitted(estimator=estimator, quiet=True)
    share, right, evidence = assignments.exact()
    assert fit.log_evidence(20_000).item() == pytest.approx(evidence.item(), abs=0.05)
    found = fit.sample(5000)
    assert near(found["share"].mean(), share, found["share"].std(), 0.25)
    assert (found["right"].mean(0).double() - right).abs().max() < 0.1
