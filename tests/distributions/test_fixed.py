"""Log-densities with held parameters; a new kind of posterior adds a line to `POSTERIORS`."""

import pytest
import torch
import zuko
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from vae.distributions import (
    BernoulliPosterior,
    BetaPosterior,
    CategoricalPosterior,
    DirichletPosterior,
    FlowPosterior,
    GammaPosterior,
    GumbelSoftmax,
    LogisticNormalPosterior,
    LogScaleNormal,
    NormalPosterior,
    PowerSphericalPosterior,
    VonMisesFisherPosterior,
    fixed_log_prob,
    frozen,
)

pytestmark = pytest.mark.usefixtures("double_precision")

D = 3


def covariance(raw):
    root = raw.unflatten(-1, (D, D))
    return root @ root.mT + torch.eye(D)


def flow_head():
    flow = zuko.flows.NSF(D, 4, transforms=2, passes=2, hidden_features=[8])
    return FlowPosterior(D, flow=flow, context_dim=4)


# The number of raw parameters of one example, and what makes a distribution of them.
POSTERIORS = {
    "normal head": lambda: (2 * D, NormalPosterior(D)),
    "log-scale normal": lambda: (
        2 * D,
        lambda raw: Independent(LogScaleNormal(*raw.chunk(2, -1)), 1),
    ),
    "shared log-scale": lambda: (D, lambda raw: Independent(LogScaleNormal(raw, raw.sum()), 1)),
    "not independent": lambda: (
        2 * D,
        lambda raw: LogScaleNormal(*raw.chunk(2, -1)),
    ),
    "normal of torch": lambda: (
        2 * D,
        lambda raw: Independent(Normal(raw[..., :D], raw[..., D:].exp()), 1),
    ),
    "covariance": lambda: (
        D + D * D,
        lambda raw: MultivariateNormal(raw[..., :D], covariance(raw[..., D:])),
    ),
    "precision": lambda: (
        D + D * D,
        lambda raw: MultivariateNormal(raw[..., :D], precision_matrix=covariance(raw[..., D:])),
    ),
    "triangle": lambda: (
        D + D * D,
        lambda raw: MultivariateNormal(
            raw[..., :D], scale_tril=torch.linalg.cholesky(covariance(raw[..., D:]))
        ),
    ),
    "Gumbel-softmax": lambda: (D, lambda raw: GumbelSoftmax(0.7, raw)),
    "relaxed head": lambda: (4 * D, CategoricalPosterior(D, num_categories=4)),
    "flow": lambda: (2 * D + 4, flow_head()),
    "von Mises–Fisher": lambda: (D + 1, VonMisesFisherPosterior(D)),
    "power spherical": lambda: (D + 1, PowerSphericalPosterior(D)),
    "gamma": lambda: (2 * D, GammaPosterior(D)),
    "beta": lambda: (2 * D, BetaPosterior(D)),
    "dirichlet": lambda: (D, DirichletPosterior(D)),
    "logistic normal": lambda: (2 * D - 2, LogisticNormalPosterior(D)),
    "relaxed bits": lambda: (D, BernoulliPosterior(D)),
}


def drawn(name):
    """A distribution over two examples, what it is made of, and draws as a leaf."""
    size, head = POSTERIORS[name]()
    raw = torch.randn(2, size, requires_grad=True)
    learned = [raw, *(head.parameters() if isinstance(head, nn.Module) else ())]
    q = head(raw)
    return q, learned, q.sample((7,)).requires_grad_()


def check_value(held, name):
    q, _, z = drawn(name)
    assert held(q, z).shape == q.log_prob(z).shape
    assert torch.allclose(held(q, z), q.log_prob(z), rtol=0, atol=1e-10)


def check_gradient_of_the_value(held, name):
    q, _, z = drawn(name)
    weights = torch.randn_like(q.log_prob(z))
    (ours,) = torch.autograd.grad((weights * held(q, z)).sum(), z, allow_unused=True)
    (theirs,) = torch.autograd.grad((weights * q.log_prob(z)).sum(), z)
    assert theirs.abs().min() > 0
    assert ours is not None
    assert torch.allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def check_parameters_are_held(held, name):
    q, learned, z = drawn(name)
    log_q = held(q, z).sum()
    assert log_q.requires_grad
    assert all(g is None for g in torch.autograd.grad(log_q, learned, allow_unused=True))
    assert all(p.requires_grad for p in learned)


CHECKS = [check_value, check_gradient_of_the_value, check_parameters_are_held]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", POSTERIORS)
def test_gradients_reach_the_value_only(name, check):
    check(fixed_log_prob, name)


MUTANTS = {
    "nothing held": (check_parameters_are_held, lambda q, z: q.log_prob(z)),
    "value held": (check_gradient_of_the_value, lambda q, z: q.log_prob(z.detach())),
    "half lost": (check_value, lambda q, z: fixed_log_prob(q, z) / 2),
    "sign flipped": (check_gradient_of_the_value, lambda q, z: -fixed_log_prob(q, z)),
    "sum over samples": (check_value, lambda q, z: fixed_log_prob(q, z).sum(0)),
}


@pytest.mark.parametrize("name", ["normal head", "flow"])
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant, name):
    check, held = MUTANTS[mutant]
    with pytest.raises(AssertionError):
        check(held, name)


def test_a_density_looked_at_before_is_held_all_the_same():
    """Torch keeps what it derived from the parameters beside them, once asked for it."""
    q, learned, z = drawn("covariance")
    expected = q.log_prob(z)
    assert q.covariance_matrix.shape == q.precision_matrix.shape == q.scale_tril.shape
    held = fixed_log_prob(q, z)
    assert torch.allclose(held, expected)
    assert torch.autograd.grad(held.sum(), learned, allow_unused=True) == (None,)


def test_a_draw_carries_its_gradient():
    """Of log q(z(φ)), φ fixed in q alone, the chain rule through z remains."""
    params = torch.randn(2, 2 * D, requires_grad=True)
    q = NormalPosterior(D)(params)
    z = q.rsample((7,))
    (ours,) = torch.autograd.grad(fixed_log_prob(q, z).sum(), params, retain_graph=True)
    (slopes,) = torch.autograd.grad(q.log_prob(z).sum(), z, retain_graph=True)
    (chained,) = torch.autograd.grad(z, params, slopes)
    assert torch.allclose(ours, chained)


def test_frozen_gives_back_what_it_took_and_no_more():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    with frozen(net):
        assert not any(p.requires_grad for p in net.parameters())
    assert not any(p.requires_grad for p in net[0].parameters())
    assert all(p.requires_grad for p in net[1].parameters())


def fail_inside(net):
    with frozen(net):
        raise KeyError


def test_frozen_gives_back_after_an_error():
    net = nn.Linear(2, 2)
    with pytest.raises(KeyError):
        fail_inside(net)
    assert all(p.requires_grad for p in net.parameters())
