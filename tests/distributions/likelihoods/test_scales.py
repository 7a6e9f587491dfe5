import math

import pytest
import scipy.stats
import torch

from vae.distributions.likelihoods import (
    FixedScale,
    Laplace,
    LearnedScale,
    Normal,
    OptimalScale,
    PixelwiseScale,
)

FAMILIES = {"normal": (Normal, scipy.stats.norm), "laplace": (Laplace, scipy.stats.laplace)}
families = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def batch():
    return torch.randn(2, 4, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)


@families
@pytest.mark.parametrize("scale", [FixedScale, LearnedScale])
def test_one_scale_is_that_of_scipy(family, scale, batch):
    likelihood, reference = FAMILIES[family]
    loc, x = batch
    found = likelihood((5,), scale=scale(0.7)).double()(loc).log_prob(x)
    expected = torch.as_tensor(reference(loc, 0.7).logpdf(x)).sum(-1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@families
def test_pixelwise_scale_is_that_of_scipy_and_bounded(family, batch):
    likelihood, reference = FAMILIES[family]
    loc, x = batch
    params = torch.cat((loc, torch.linspace(-3, 2, 5).double().expand_as(loc)), -1)
    px = likelihood((5,), scale=PixelwiseScale())(params)
    log_scale = px.base_dist.log_scale
    expected = torch.as_tensor(reference(loc, log_scale.exp()).logpdf(x)).sum(-1)
    torch.testing.assert_close(px.log_prob(x), expected)
    assert (log_scale.diff() > 0).all()
    extreme = likelihood((1,), scale=PixelwiseScale())(torch.tensor([[0.0, -1e9], [0.0, 1e9]]))
    torch.testing.assert_close(extreme.base_dist.log_scale, torch.tensor([[-7.0], [5.0]]))


@families
def test_density_moves_by_the_log_jacobian(family, batch):
    likelihood, _ = FAMILIES[family]
    loc, x = batch
    a = 3.7
    before = likelihood((5,), scale=FixedScale(0.7))(loc).log_prob(x)
    after = likelihood((5,), scale=FixedScale(a * 0.7))(a * loc).log_prob(a * x)
    torch.testing.assert_close(after, before - 5 * math.log(a))


def test_learned_scale_is_one_parameter_that_learns():
    likelihood = Laplace((5,), scale=LearnedScale(0.7))
    (raw,) = likelihood.parameters()
    assert raw.shape == (1,)
    likelihood(torch.zeros(3, 5)).log_prob(torch.full((3, 5), 9.0)).sum().backward()
    assert raw.grad > 0  # far values want a larger scale


@families
def test_optimal_scale_is_the_maximum_over_the_scale(family, batch):
    likelihood, _ = FAMILIES[family]
    loc, x = batch
    best = likelihood((5,), scale=OptimalScale())(loc).log_prob(x).mean()
    sigmas = torch.linspace(0.3, 4, 2000).tolist()
    others = [likelihood((5,), scale=FixedScale(s))(loc).log_prob(x).mean() for s in sigmas]
    assert best >= max(others)
    assert best == pytest.approx(max(others).item(), abs=1e-4)


def test_optimal_scale_of_a_normal_is_the_root_of_the_mean_squared_error(batch):
    loc, x = batch
    mse = (x - loc).square().mean()
    log_p = Normal((5,), scale=OptimalScale())(loc).log_prob(x)
    expected = Normal((5,), scale=FixedScale(mse.sqrt().item()))(loc).log_prob(x)
    torch.testing.assert_close(log_p, expected)
    assert log_p.mean().item() == pytest.approx(-2.5 * math.log(2 * math.pi * math.e * mse))


def assert_same_gradient(one, other, loc):
    grads = [torch.autograd.grad(y, loc, retain_graph=True)[0] for y in (one, other)]
    torch.testing.assert_close(*grads)


def test_gradient_holds_sigma_at_the_optimum(batch):
    loc, x = batch[0].requires_grad_(), batch[1]
    sigma = (x - loc).square().mean().sqrt().item()
    through = -2.5 * (x - loc).square().mean().log()  # the maximum itself, up to a constant
    held = Normal((5,), scale=FixedScale(sigma))(loc).log_prob(x)
    found = Normal((5,), scale=OptimalScale())(loc).log_prob(x)
    assert_same_gradient(found.mean(), held.mean(), loc)
    assert_same_gradient(found.mean(), through, loc)
    weight = torch.rand_like(held)  # with weights, as of importance samples, σ is held all the same
    assert_same_gradient((weight * found).sum(), (weight * held).sum(), loc)


def test_evaluation_uses_the_running_variance_and_leaves_it_alone(batch):
    loc, x = batch
    scale = OptimalScale(momentum=0.4).double()
    likelihood = Normal((5,), scale=scale)
    assert scale.variance == 1
    running, mses = torch.tensor(0.0).double(), []
    for k, weight in enumerate((1, 1 / 2, 0.4, 0.4)):
        px = likelihood((k + 1) * loc)
        px.log_prob(x)
        mses.append((x - (k + 1) * loc).square().mean())
        running = running + weight * (mses[-1] - running)
        torch.testing.assert_close(scale.variance, running)
    likelihood.eval()
    expected = Normal((5,), scale=FixedScale(running.sqrt().item()))(loc)
    torch.testing.assert_close(likelihood(loc).log_prob(x), expected.log_prob(x))
    torch.testing.assert_close(scale.variance, running)
    assert "scale.variance" in likelihood.state_dict()


def test_training_draws_with_the_running_scale(batch):
    scale = OptimalScale()
    scale.variance.fill_(0.01)
    px = Normal((5,), scale=scale)(batch[0].float())
    draws = px.sample((2000,))
    assert (draws - px.mean).std().item() == pytest.approx(0.1, rel=0.02)
    torch.testing.assert_close(px.mean, px.mode)


def test_a_perfect_or_a_broken_batch_leaves_the_optimal_scale_finite():
    scale = OptimalScale()
    likelihood = Normal((5,), scale=scale)
    x = torch.zeros(3, 5)
    assert likelihood(x).log_prob(x).isfinite().all()
    before = scale.variance.clone()
    likelihood(x + math.nan).log_prob(x)
    assert before > 0
    assert scale.variance == before


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_no_scale_is_refused(sigma):
    with pytest.raises(ValueError, match=r"FixedScale needs a finite sigma > 0; got .* Try"):
        FixedScale(sigma)
    with pytest.raises(ValueError, match=r"LearnedScale needs .* got .* Rescale"):
        LearnedScale(sigma)
    with pytest.raises(ValueError, match=r"OptimalScale needs a momentum in .* got .* Try"):
        OptimalScale(sigma)
