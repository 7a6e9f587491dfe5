import torch
from torch.distributions import Independent, MultivariateNormal, kl_divergence

from tests.linear_gaussian import LinearGaussian
from vae.distributions import LogScaleNormal
from vae.trace import Latent, Observed, Trace


def normal(*shape):
    return Independent(LogScaleNormal(torch.randn(shape), torch.randn(shape)), 1)


def test_shapes_are_samples_by_examples():
    trace = LinearGaussian().exact().double()(torch.randn(5, 6).double(), num_samples=3)
    for tensor in (trace.log_px, trace.log_weight, trace.kl, trace.elbo):
        assert tensor.shape == (3, 5)
    assert trace.latents[0].z.shape == (3, 5, 3)


def test_closed_form_kl_is_used_where_one_is_known():
    q, p = normal(4, 2), normal(2)
    latent = Latent("z", q, p, q.rsample((3,)))
    assert torch.allclose(latent.kl, kl_divergence(q, p).expand(3, 4))
    assert torch.allclose(latent.kl_per_dim.sum(-1), latent.kl, atol=1e-5)


def test_kl_without_a_closed_form_is_the_log_ratio():
    q, p = MultivariateNormal(torch.zeros(4, 2), torch.eye(2)), normal(2)
    latent = Latent("z", q, p, q.rsample((3,)))
    assert torch.equal(latent.kl, latent.log_q - latent.log_p)
    assert latent.kl_per_dim is None


def test_a_known_log_q_is_not_computed_again():
    q, p = normal(4, 2), normal(2)
    known = torch.zeros(3, 4)
    assert Latent("z", q, p, q.rsample((3,)), known).log_q is known


def test_several_latents_add_up():
    """KL and log-weight of a model with two latent variables are sums over both."""
    q, p, px = normal(4, 2), normal(2), normal(3, 4, 5)
    latents = tuple(Latent("z", q, p, q.rsample((3,))) for _ in range(2))
    trace = Trace(latents, (Observed("x", px, torch.randn(4, 5)),))
    one, two = latents
    assert torch.allclose(trace.kl, one.kl + two.kl)
    ratio = one.log_p - one.log_q + two.log_p - two.log_q
    assert torch.allclose(trace.log_weight, trace.log_px + ratio, atol=1e-5)


def test_a_trace_is_printed_as_a_summary_and_named_without_a_computation():
    trace = LinearGaussian().exact().double()(torch.randn(500, 6).double(), num_samples=3)
    named = repr(trace)
    assert "log_px" not in vars(trace)
    assert "tensor(" not in named
    assert len(named) < 200
    printed = str(trace)
    assert "tensor(" not in printed
    for words in ("(500, 6)", "(3, 500, 3)", "q MultivariateNormal", "KL", "500 examples"):
        assert words in printed
    assert f"{trace.elbo.mean():,.2f} ± " in printed
    several = str(Trace(trace.latents * 2, trace.observed))
    assert several.count("z  ") == 2
