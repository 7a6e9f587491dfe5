"""The value reported is the bound, whatever the estimator and the weights."""

from math import inf, log

import pytest
import torch

from tests.linear_gaussian import LinearGaussian
from tests.objectives.bounds.checks import BOUNDS, OF_LOG_WEIGHTS, K, M, plain_mean, total, trace_of
from vae.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    MIWAE,
    PIWAE,
    DReG,
    Pathwise,
    Renyi,
    ScoreFunction,
    StickTheLanding,
)
from vae.objectives.iwae import log_mean_exp

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("name", OF_LOG_WEIGHTS)
def test_value_does_not_depend_on_the_estimator(name):
    build, plain = BOUNDS[name]
    gold = LinearGaussian()
    trace = gold.factorised(width=1.6)(gold.marginal.sample((5,)), num_samples=M * K)
    expected = -plain_mean([plain(example) for example in trace.log_weight.T.tolist()])
    estimators = [Pathwise, DReG] if name == "piwae" else [Pathwise, DReG, ScoreFunction]
    values = [total(build(estimator=e()), trace) for e in estimators]
    with torch.no_grad():
        values += [total(build(estimator=e()), trace) for e in estimators]
    assert len({value.item() for value in values}) == 1
    assert values[0].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("estimator", [Pathwise, StickTheLanding, DReG, ScoreFunction])
def test_value_of_the_elbo_differs_in_its_kl_alone(estimator):
    """In closed form where the estimator can use it, else the sampled one."""
    gold = LinearGaussian()
    trace = gold.factorised(width=1.6)(gold.marginal.sample((5,)), num_samples=7)
    closed = estimator in (Pathwise, ScoreFunction)
    bound = trace.elbo if closed else trace.log_weight
    for beta in (1.0, 4.0):
        terms = ELBO(beta, num_samples=7, estimator=estimator())(trace)
        assert torch.allclose(terms["reconstruction"], -trace.log_px.mean(), rtol=1e-12)
        assert torch.allclose(terms["kl"], beta * (trace.log_px - bound).mean(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [Pathwise, DReG, ScoreFunction])
@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_stable_at_extreme_weights(name, estimator, dtype):
    if name == "piwae" and estimator is ScoreFunction:
        return
    raw = (1e4 * torch.randn(M * K, 5)).to(dtype).requires_grad_()
    loss = total(BOUNDS[name][0](estimator=estimator()), trace_of(raw))
    loss.backward()
    assert loss.isfinite()
    assert raw.grad.isfinite().all()
    assert raw.grad.sum().item() == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("name", OF_LOG_WEIGHTS)
def test_a_factor_on_all_weights_moves_the_bound_by_its_logarithm(name):
    bound = BOUNDS[name][0]().value
    log_w = torch.randn(M * K, 5)
    assert torch.allclose(bound(log_w + 1e4), bound(log_w) + 1e4, rtol=0, atol=1e-9)


def test_a_sample_without_weight_does_no_harm():
    log_w = torch.randn(M * K, 5)
    log_w[3] = -inf
    rest = torch.cat([log_w[:3], log_w[4:]])
    expected = log_mean_exp(rest) + log((M * K - 1) / (M * K))
    assert torch.allclose(IWAE(num_samples=M * K).value(log_w), expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: IWAE(num_samples=0), "num_samples must be a whole number of at least 1; got 0"),
        (lambda: CIWAE(-0.1), r"beta must lie in \[0, 1\]; got -0.1"),
        (lambda: CIWAE(1.1), r"beta must lie in \[0, 1\]; got 1.1"),
        (lambda: CIWAE(float("nan")), r"beta must lie in \[0, 1\]; got nan"),
        (lambda: CIWAE(num_samples=0), "num_samples must be a whole"),
        (lambda: Renyi(inf), "alpha must be a finite number; got inf"),
        (lambda: Renyi(float("nan")), "alpha must be a finite number; got nan"),
        (lambda: Renyi(num_samples=-2), "num_samples must be a whole number of at least 1; got -2"),
        (lambda: MIWAE(num_groups=0), "num_groups and group_size must be at least 1; got 0 and 8"),
        (lambda: MIWAE(group_size=0), "num_groups and group_size must be at least 1; got 8 and 0"),
        (lambda: MIWAE(num_groups=-2, group_size=-2), "got -2 and -2"),
        (lambda: PIWAE(num_groups=0), "num_groups and group_size must be at least 1; got 0 and 8"),
        (lambda: PIWAE(group_size=-1), "num_groups and group_size must be at least 1"),
    ],
)
def test_values_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_groups_say_how_many_samples_they_need():
    assert MIWAE(num_groups=3, group_size=5).num_samples() == 15
    assert PIWAE(num_groups=3, group_size=5).num_samples() == 15
