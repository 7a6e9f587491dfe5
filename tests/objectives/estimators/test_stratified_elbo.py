"""Draws of every component: the gradient is that of a quadrature, and stays quiet far apart."""

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from tests.objectives.estimators.models import gradient
from vae.distributions import ImplicitMixture
from vae.models import Model
from vae.objectives import ELBO, StratifiedELBO

pytestmark = pytest.mark.usefixtures("double_precision")


class Peaks(Model):
    """z ~ N(0, 3), x ~ N(z, 1), and a mixture of three for q(z|x), whatever x is."""

    def __init__(self, apart):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([0.3, -0.2, 0.5]))
        self.loc = nn.Parameter(apart * torch.tensor([[-1.0], [0.1], [1.0]]))
        self.log_scale = nn.Parameter(torch.tensor([[0.1], [-0.3], [0.2]]))

    build = classmethod(lambda cls, spec, parts: cls(1.0))

    def run(self, batch, draws):
        q = ImplicitMixture(self.logits, self.loc, self.log_scale).expand((len(batch["x"]),))
        z = draws.latent("z", q=lambda: q, p=Independent(Normal(torch.zeros(1), 3.0), 1))
        draws.observe("x", Independent(Normal(z, 1.0), 1), batch.get("x"))


def by_quadrature(model, x):
    """Return the gradient of the negative ELBO by all parameters."""
    z = torch.linspace(-30, 30, 20001)[:, None]
    q = ImplicitMixture(model.logits, model.loc, model.log_scale)
    log_p = Normal(0.0, 3.0).log_prob(z[:, 0])
    log_px = Normal(z[:, 0], 1.0).log_prob(x).mean(0)  # (N, 1) of data against (Z,)
    log_q = q.log_prob(z)
    loss = torch.trapezoid(log_q.exp() * (log_q - log_p - log_px), z[:, 0])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


def gradients(objective, model, x, count):
    """Return gradients of repeated draws, ``(count, parameters)``."""
    return torch.stack([gradient(objective, model({"x": x}), model) for _ in range(count)])


@pytest.mark.parametrize("num_samples", [1, 2])
def test_the_gradient_is_that_of_the_elbo(num_samples):
    model, x = Peaks(1.5), torch.randn(3, 1)
    found = gradients(StratifiedELBO(num_samples=num_samples), model, x, 500)
    error = found.std(0) / len(found) ** 0.5
    assert ((found.mean(0) - by_quadrature(model, x)).abs() < 4 * error).all()
    assert (error < 0.1).all()


def test_components_far_apart_do_not_add_noise():
    """Implicit gradients learn the weights from rare draws in between."""
    model, x = Peaks(5.0), torch.randn(3, 1)
    ours, implicit = (
        gradients(objective, model, x, 300)[:, :3].std(0)
        for objective in (StratifiedELBO(), ELBO(num_samples=3))  # as many decodings
    )
    assert (ours < implicit / 3).all(), (ours, implicit)


def test_other_posteriors_are_refused():
    model = Peaks(1.0)
    trace = model({"x": torch.randn(3, 1)})
    plain = trace.__class__(trace.latents, trace.observed)
    with pytest.raises(ValueError, match="need a trace that a Model returned"):
        StratifiedELBO()(plain)
