"""The two halves of a balanced KL: values and gradients, by hand and by TorchRL."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae.distributions import Joint
from vae.distributions.categorical_posterior import categorical
from vae.distributions.log_scale_normal import diagonal_normal
from vae.distributions.sampling import in_logarithms
from vae.objectives import ELBO, BalancedELBO
from vae.trace import Latent, Observed, Trace

pytestmark = pytest.mark.usefixtures("double_precision")
STEPS, ROWS, FREE = 5, 4, 0.7


def world_of(kind, weight=None):
    """Return a trace of five steps, and the parameters of q and p, leaves ``(T, B, ...)``."""
    shape = (STEPS, ROWS, 6) if kind == "normal" else (STEPS, ROWS, 3, 4)
    parameters = [(0.6 * torch.randn(shape)).requires_grad_() for _ in "qp"]
    make = {
        "normal": lambda v: diagonal_normal(*v.chunk(2, -1)),
        "categorical": lambda v: categorical(v, None),
        "relaxed": lambda v: in_logarithms(categorical(v, 0.5)),
    }[kind]
    latents = []
    for t, (q, p) in enumerate(zip(*parameters, strict=True)):
        weights = None if weight is None else weight[:, t]
        latents.append(Latent(f"z.{t}", make(q), make(p), make(q).sample((1,)), weight=weights))
    px = Joint(Normal(torch.zeros(1, ROWS, 2), 1.0), 1)
    return Trace(tuple(latents), (Observed("x", px, torch.zeros(ROWS, 2)),)), parameters


def by_hand(kind, q, p):
    """Return both divergences of each step and row, ``(T, B)``, with their gradients."""

    def kl(q, p):
        if kind == "normal":
            (mean, log_scale), (other, width) = q.chunk(2, -1), p.chunk(2, -1)
            scaled = Normal(mean, log_scale.exp()), Normal(other, width.exp())
            return kl_divergence(*scaled).sum(-1)
        log_q, log_p = q.log_softmax(-1), p.log_softmax(-1)
        return (log_q.exp() * (log_q - log_p)).sum((-1, -2))

    return kl(q.detach(), p), kl(q, p.detach())


def by_torchrl(kind, q, p):
    """Return the same from TorchRL, each already at least the free nats."""
    objectives = pytest.importorskip("torchrl.objectives")
    rows = [
        objectives.categorical_kl_terms(a[None], b[None], free_nats=FREE, unimix=0.0)
        for a, b in zip(q.flatten(0, 1), p.flatten(0, 1), strict=True)
    ]
    return [torch.stack(part).view(STEPS, ROWS) for part in zip(*rows, strict=True)]


PEERS = pytest.param(by_torchrl, marks=pytest.mark.peers)


@pytest.mark.parametrize("kind", ["normal", "categorical", "relaxed"])
@pytest.mark.parametrize("oracle", [by_hand, PEERS])
def test_each_half_trains_one_side_by_what_exceeds_the_free_nats(kind, oracle):
    if kind == "normal" and oracle is by_torchrl:
        pytest.skip("TorchRL's function is of categories")
    weight = torch.ones(ROWS, STEPS)
    weight[1, 3:] = 0
    trace, (q, p) = world_of(kind, weight)
    terms = BalancedELBO(dynamics=0.9, representation=0.2, free_nats=FREE)(trace)
    each = [half.clamp_min(FREE) for half in oracle(kind, q, p)]
    assert (each[0] == FREE).any()
    assert (each[0] > FREE).any()
    dynamics, representation = ((half * weight.T).sum(0).mean() for half in each)
    expected = {"dynamics": 0.9 * dynamics, "representation": 0.2 * representation}
    for name, own, other in (("dynamics", p, q), ("representation", q, p)):
        assert torch.allclose(terms[name], expected[name], atol=1e-6)
        ours, none = torch.autograd.grad(
            terms[name], (own, other), retain_graph=True, allow_unused=True
        )
        (theirs,) = torch.autograd.grad(expected[name], own, retain_graph=True)
        assert none is None or not none.any()
        assert torch.allclose(ours, theirs, atol=1e-6)
        assert ours.any()


def test_without_free_nats_and_with_weights_of_one_it_is_the_elbo():
    trace, parameters = world_of("normal")
    ours = sum(BalancedELBO(dynamics=0.5, representation=0.5, free_nats=0.0)(trace).values())
    assert torch.allclose(ours, -trace.elbo.mean())
    exact = sum(ELBO()(trace).values())
    halves = torch.autograd.grad(ours, parameters, retain_graph=True)
    for half, whole in zip(halves, torch.autograd.grad(exact, parameters), strict=True):
        assert torch.allclose(2 * half, whole)


def test_what_it_cannot_do_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="free_nats must be at least 0; got -1"):
        BalancedELBO(free_nats=-1)
    trace, _ = world_of("normal")
    odd = Joint(torch.distributions.Cauchy(torch.zeros(ROWS, 3), 1.0), 1)
    latent = Latent("z", odd, trace.latents[0].p, trace.latents[0].z)
    with pytest.raises(ValueError, match=r"needs KL\(q ‖ p\) in closed form; z has .*Use object"):
        BalancedELBO()(Trace((latent,), trace.observed))
