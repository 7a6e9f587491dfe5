"""What every likelihood must do. A new likelihood adds one line to `MEMBERS`."""

import pytest
import torch
from scipy.integrate import simpson
from torch.distributions import Independent, constraints

from vae.distributions.head import Likelihood
from vae.distributions.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    FixedScale,
    Laplace,
    LearnedScale,
    Normal,
    OptimalScale,
    PixelwiseScale,
)

MEMBERS = {  # name: event_shape -> likelihood, and its parameters per dimension
    "bernoulli": (Bernoulli, 1),
    "continuous_bernoulli": (ContinuousBernoulli, 1),
    "normal": (lambda shape: Normal(shape, scale=FixedScale(0.3)), 1),
    "normal_learned": (lambda shape: Normal(shape, scale=LearnedScale(0.5)), 1),
    "normal_pixelwise": (lambda shape: Normal(shape, scale=PixelwiseScale()), 2),
    "normal_optimal": (lambda shape: Normal(shape, scale=OptimalScale()), 1),
    "laplace": (lambda shape: Laplace(shape, scale=FixedScale(2.0)), 1),
    "laplace_learned": (lambda shape: Laplace(shape, scale=LearnedScale()), 1),
    "laplace_pixelwise": (lambda shape: Laplace(shape, scale=PixelwiseScale()), 2),
    "laplace_optimal": (lambda shape: Laplace(shape, scale=OptimalScale()), 1),
    "discretized_logistic": (lambda shape: DiscretizedLogistic(shape, levels=256), 2),
    "discretized_logistic_2": (lambda shape: DiscretizedLogistic(shape, levels=2), 2),
    "mixture": (lambda shape: DiscretizedLogisticMixture(shape, levels=16, num_components=3), 9),
    "categorical": (lambda shape: Categorical(shape, levels=5), 5),
}
EVENTS = [(3, 8, 6), (2, 9), (7,)]

members = pytest.mark.parametrize("name", MEMBERS)
events = pytest.mark.parametrize("event", EVENTS, ids=str)


def make(name, event, dtype=torch.float64):
    """Return the likelihood in evaluation mode: only there is `OptimalScale` a density."""
    return MEMBERS[name][0](event).to(dtype).eval()


def random_params(likelihood, *lead, dtype=torch.float64):
    return 1.5 * torch.randn(*lead, *likelihood.param_shape, dtype=dtype)


def random_x(likelihood, *lead, dtype=torch.float64):
    shape = (*lead, *likelihood.event_shape)
    if likelihood.levels is not None:
        return torch.randint(likelihood.levels, shape).to(dtype) / (likelihood.levels - 1)
    if likelihood.support is constraints.unit_interval:
        return torch.rand(shape, dtype=dtype)
    return 2 * torch.randn(shape, dtype=dtype)


def nodes(likelihood, px):
    """Return values (N, *event) that cover the support, and how to sum or integrate over them."""
    lead = (-1, *(1,) * len(likelihood.event_shape))
    if likelihood.levels is not None:
        x = torch.linspace(0, 1, likelihood.levels, dtype=torch.float64)
        return x.view(lead), lambda y: y.sum(0)
    if likelihood.support is constraints.unit_interval:
        x = torch.linspace(0, 1, 20_001, dtype=torch.float64).view(lead)
        return x, lambda y: torch.as_tensor(simpson(y, x=x.flatten(), axis=0))
    t = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    jacobian = t.cosh().view(lead)
    x = px.mean + t.sinh().view(lead)
    return x, lambda y: torch.as_tensor(simpson(y * jacobian, x=t, axis=0))


@members
def test_density_integrates_and_mass_sums_to_one_with_the_mean_it_states(name):
    likelihood = make(name, (5,))
    with torch.no_grad():
        px = likelihood(random_params(likelihood))
        x, integrate = nodes(likelihood, px)
        p = px.base_dist.log_prob(x).exp()
        torch.testing.assert_close(integrate(p), torch.ones(5).double(), rtol=0, atol=1e-6)
        torch.testing.assert_close(integrate(p * x), px.mean, rtol=1e-6, atol=1e-6)


@members
@pytest.mark.parametrize("training", [False, True])
def test_expansion_repeats_the_same_distribution(name, training):
    likelihood = make(name, (3, 8, 6)).train(training)
    px = likelihood(random_params(likelihood, 4))
    wide = px.expand((2, 4))
    x = random_x(likelihood, 2, 4)
    assert (wide.batch_shape, wide.event_shape) == ((2, 4), (3, 8, 6))
    torch.testing.assert_close(wide.log_prob(x), px.log_prob(x))
    torch.testing.assert_close(wide.mean, px.mean.expand(2, -1, -1, -1, -1))
    assert wide.sample((3,)).shape == (3, 2, 4, 3, 8, 6)


@members
def test_draws_lie_in_the_support_and_have_the_moments_of_the_density(name):
    likelihood = make(name, (5,))
    with torch.no_grad():
        px = likelihood(random_params(likelihood))
        draw = px.sample((10_000,))
        assert draw.shape == (10_000, 5)
        assert likelihood.support.check(draw).all()
        if likelihood.levels is not None:
            index = draw * (likelihood.levels - 1)
            torch.testing.assert_close(index, index.round())
        x, integrate = nodes(likelihood, px)
        log_p = px.base_dist.log_prob(x)
        negative_entropy = integrate(log_p.exp() * log_p)
        scores = px.base_dist.log_prob(draw)
    assert px.log_prob(draw).isfinite().all()
    for found, expected in ((draw, px.mean), (scores, negative_entropy)):
        error = found.mean(0) - expected
        # The slack is for rare values that 10,000 draws may never show.
        assert (error.abs() <= 4.5 * found.std(0) / 10_000**0.5 + 1e-3).all()


@members
@events
def test_shapes(name, event):
    likelihood = make(name, event)
    assert isinstance(likelihood, Likelihood)
    assert likelihood.event_shape == event
    assert likelihood.param_shape == (MEMBERS[name][1] * event[0], *event[1:])
    px = likelihood(random_params(likelihood, 2, 4))
    assert isinstance(px, Independent)
    assert px.batch_shape == (2, 4)
    assert px.event_shape == event
    assert px.log_prob(random_x(likelihood, 4)).shape == (2, 4)
    assert px.mean.shape == px.sample().shape == (2, 4, *event)
    assert px.sample((3,)).shape == (3, 2, 4, *event)


@members
@events
def test_parameters_and_values_broadcast(name, event):
    likelihood = make(name, event)
    params, x = random_params(likelihood, 2, 4), random_x(likelihood, 4)
    together = likelihood(params).log_prob(x)
    one_by_one = [likelihood(params[k, b]).log_prob(x[b]) for k in range(2) for b in range(4)]
    torch.testing.assert_close(together, torch.stack(one_by_one).view(2, 4))
    per_dim = likelihood(params[0]).base_dist.log_prob(x)
    torch.testing.assert_close(per_dim.flatten(1).sum(1), together[0])
    more_values = random_x(likelihood, 3, 4)
    found = likelihood(params[0]).log_prob(more_values)
    torch.testing.assert_close(found[1], likelihood(params[0]).log_prob(more_values[1]))


@members
def test_a_dimension_reads_its_own_channel_of_the_parameters_only(name):
    likelihood = make(name, (3, 4, 2))
    params = random_params(likelihood, 1).requires_grad_()
    score = likelihood(params).base_dist.log_prob(random_x(likelihood, 1))
    (grad,) = torch.autograd.grad(score[0, 1, 2, 1], params)
    read = grad.view(-1, 3, 4, 2).abs().sum(0).nonzero().tolist()
    assert read == [[1, 2, 1]]


@members
def test_gradient_is_that_of_finite_differences(name):
    likelihood = make(name, (4,))
    params = random_params(likelihood, 2).requires_grad_()
    x = random_x(likelihood, 2)
    log_prob = lambda params: likelihood(params).log_prob(x)  # noqa: E731
    assert torch.autograd.gradcheck(log_prob, params, fast_mode=True)


@members
def test_single_precision_is_close_to_double(name):
    double, single = make(name, (6,)), make(name, (6,), torch.float32)
    params, x = random_params(double, 50), random_x(double, 50)
    found = single(params.float()).log_prob(x.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), double(params).log_prob(x), rtol=1e-4, atol=1e-4)


@members
@pytest.mark.parametrize("size", [0.0, 1e-4, 1e4, 1e8])
def test_extreme_parameters_give_finite_values_and_gradients(name, size):
    likelihood = make(name, (64,), torch.float32)
    shape = (50, *likelihood.param_shape)
    params = (size * (2 * torch.randint(2, shape) - 1)).float().requires_grad_()
    x = random_x(likelihood, 50, dtype=torch.float32)
    if likelihood.support is not constraints.real:
        x[:10], x[10:20] = 0.0, 1.0
    px = likelihood(params)
    log_p = px.log_prob(x)
    (grad,) = torch.autograd.grad(log_p.sum(), params)
    assert log_p.isfinite().all()
    assert grad.isfinite().all()
    assert px.mean.isfinite().all()
    assert px.sample().isfinite().all()


@members
def test_nothing_is_validated_on_the_hot_path(name):
    px = make(name, (4,))(torch.zeros(2, *make(name, (4,)).param_shape).double())
    assert not px._validate_args
    assert not px.base_dist._validate_args
