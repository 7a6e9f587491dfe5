"""The ELBO as a sum over values: against counted outcomes, the evidence, and a chain by hand."""

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal, OneHotCategorical

from tests.objectives.estimators.checks import exact_gradient
from tests.objectives.estimators.models import discrete_model, gradient
from vae.models import Model
from vae.objectives import EnumeratedELBO
from vae.objectives.estimators import average

pytestmark = pytest.mark.usefixtures("double_precision")


def elbo(objective, trace):
    return -sum(objective(trace).values())


class Chain(Model):
    """Two latents of 2 and 3 values, the second's posterior and prior given the first."""

    def __init__(self):
        super().__init__()
        self.q1, self.q2 = nn.Parameter(torch.randn(2)), nn.Parameter(torch.randn(2, 3))
        self.p2, self.loc = torch.randn(2, 3), torch.randn(2, 3)

    build = classmethod(lambda cls, spec, parts: cls())

    def run(self, batch, draws):
        first = self.q1.expand(len(batch["x"]), 2)
        prior = OneHotCategorical(logits=torch.zeros(2))
        a = draws.latent("a", q=lambda: OneHotCategorical(logits=first), p=prior)
        prior = OneHotCategorical(logits=a @ self.p2)
        b = draws.latent("b", q=lambda: OneHotCategorical(logits=a @ self.q2), p=prior)
        loc = torch.einsum("...i,...j,ij->...", a, b, self.loc)
        draws.observe("x", Independent(Normal(loc[..., None], 0.7), 1), batch.get("x"))


@pytest.mark.parametrize("shape", [(1, 3), (2, 3)])
def test_the_gradient_is_that_of_all_outcomes(shape):
    model, x = discrete_model(*shape)
    found = gradient(EnumeratedELBO(), model({"x": x}), model)
    assert torch.allclose(found, exact_gradient(model, x, average, 1), rtol=0, atol=1e-12)


def test_a_chain_is_summed_over_both():
    model, x = Chain(), torch.randn(4, 1)
    log_q1, log_q2 = model.q1.log_softmax(-1), model.q2.log_softmax(-1)
    log_p = model.p2.log_softmax(-1) - torch.tensor(2.0).log()
    log_px = Normal(model.loc, 0.7).log_prob(x[..., None])
    log_q = log_q1[:, None] + log_q2
    right = (log_q.exp() * (log_px + log_p - log_q)).sum((1, 2)).mean()
    found = elbo(EnumeratedELBO(), model({"x": x}))
    assert torch.allclose(found, right, rtol=0, atol=1e-12)
    parameters = [model.q1, model.q2]
    pairs = zip(*[torch.autograd.grad(v, parameters) for v in (found, right)], strict=True)
    assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in pairs)


def test_it_equals_the_evidence_at_the_exact_posterior():
    model, x = Chain(), torch.randn(1, 1)
    log_p = model.p2.log_softmax(-1) - torch.tensor(2.0).log()
    joint = Normal(model.loc, 0.7).log_prob(x[..., None])[0] + log_p
    model.q1.data = joint.logsumexp(-1)
    model.q2.data = joint
    found = elbo(EnumeratedELBO(), model({"x": x}))
    assert torch.allclose(found, joint.logsumexp((0, 1)), rtol=0, atol=1e-12)


def test_refusals():
    model, x = discrete_model(2, 3)
    with pytest.raises(ValueError, match="z has 9 values, more than max_values=8"):
        EnumeratedELBO(max_values=8)(model({"x": x}))
    with pytest.raises(ValueError, match="have 6 values together, more than max_values=5"):
        EnumeratedELBO(max_values=5)(Chain()({"x": x[:, :1]}))
    model.encoder.head.temperature = 0.5
    with pytest.raises(ValueError, match=r"z cannot be enumerated; .*temperature=null"):
        EnumeratedELBO()(model({"x": x}))
    with pytest.raises(ValueError, match="max_values must be at least 1; got 0"):
        EnumeratedELBO(max_values=0)
