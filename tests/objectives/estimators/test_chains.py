"""Estimators where a later posterior is made of an earlier draw."""

import pytest
import torch
from torch.distributions import Independent, Normal

from tests.linear_chain import LinearChain
from tests.objectives.estimators.checks import check_expectation
from tests.objectives.estimators.models import (
    ALLOWED,
    BOUNDS,
    ESTIMATORS,
    OBJECTIVES,
    K,
    gradient,
    parts,
)
from vae.models import Model
from vae.objectives import DReG, Pathwise, StickTheLanding

pytestmark = pytest.mark.usefixtures("double_precision")


def test_importance_weights_are_all_the_likelihood_at_the_exact_posterior():
    model = LinearChain()
    x = model.marginal.sample((7,))
    log_p = model.marginal.log_prob(x)
    for max_rows in (1, 5, 4096):
        found = model.log_weights(x, num_samples=9, max_rows=max_rows)
        assert torch.allclose(found, log_p.expand(9, 7), rtol=0, atol=1e-8)
    assert torch.allclose(model(x).elbo, log_p, rtol=0, atol=2)


@pytest.mark.parametrize(
    ("name", "estimator"), [("elbo", "stl"), *((name, "dreg") for name in BOUNDS)]
)
def test_the_posteriors_gradient_is_zero_at_the_exact_posterior(name, estimator):
    """Of one draw, where holding the parameters of q(z2|z1, x) alone leaves a deviation."""
    model = LinearChain()
    x = model.marginal.sample((4,))
    encoder, *_ = parts(model)
    trace = model(x, num_samples=K)
    ours = gradient(OBJECTIVES[name](ESTIMATORS[estimator]()), trace, model)
    assert ours[encoder].abs().max() < 1e-10
    pathwise = gradient(OBJECTIVES[name](Pathwise()), trace, model)
    if name != "elbo":  # whose KL between normal distributions is known
        assert pathwise[encoder].abs().max() > 1e-3


@pytest.mark.parametrize(("name", "estimator"), ALLOWED)
def test_expectation_is_that_of_the_pathwise_gradient(name, estimator):
    build, model = OBJECTIVES[name], LinearChain().disturbed()
    x = model.marginal.sample((1,))
    check_expectation(build(ESTIMATORS[estimator]()), build(Pathwise()), model, x, draws=300)


@pytest.mark.parametrize(("name", "estimator"), [a for a in ALLOWED if a[0] in BOUNDS])
def test_generative_gradient_is_exactly_the_pathwise_one(name, estimator):
    model = LinearChain().disturbed()
    trace = model(model.marginal.sample((5,)), num_samples=K)
    _, *generative = parts(model)
    rows = torch.cat(generative)
    ours = gradient(OBJECTIVES[name](ESTIMATORS[estimator]()), trace, model)
    expected = gradient(OBJECTIVES[name](Pathwise()), trace, model)
    assert torch.allclose(ours[rows], expected[rows], rtol=0, atol=1e-12)


class Packed(Model):
    """Two steps in one latent, whose q is made of its own draw."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5))

    @classmethod
    def build(cls, spec, parts):
        return cls()

    def run(self, batch, draws):
        z = draws.latent(
            "z", q=lambda: self.q(batch["x"]), p=Independent(Normal(torch.zeros(2), 1.0), 1)
        )
        draws.observe("x", lambda: Independent(Normal(z.sum(-1, keepdim=True), 1.0), 1), batch["x"])

    def q(self, x):
        first = x + self.scale * torch.randn(K, *x.shape)
        return Independent(Normal(torch.cat([x.expand_as(first), 0.5 * first], -1), self.scale), 1)


class Odd(Normal):
    """A distribution of a user's own, of which nobody knows what its density depends on."""


@pytest.mark.parametrize("estimator", [StickTheLanding, DReG])
def test_a_chain_packed_in_one_latent_is_refused(estimator):
    x = torch.zeros(3, 1)
    trace = Packed()(x, num_samples=K)
    name = "elbo" if estimator is StickTheLanding else "iwae"
    with pytest.raises(ValueError, match="a latent of its own for each step of a chain"):
        OBJECTIVES[name](estimator())(trace)
    odd = Independent(Odd(torch.zeros(3, 2, requires_grad=True), 1.0), 1)
    latent = trace.latents[0]
    other = type(latent)("z", odd, latent.p, odd.rsample((K,)))
    with pytest.raises(ValueError, match="not known how to hold the parameters of Odd"):
        OBJECTIVES[name](estimator())(type(trace)((other,), trace.observed))
