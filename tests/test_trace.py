import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

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


def test_what_counts_nothing_may_be_anything():
    """Missing values and padding give neither a density nor a gradient, whatever stands there."""
    loc = torch.zeros(3, 4, 5, requires_grad=True)
    px, x = Independent(Normal(loc, 1.0), 1), torch.randn(4, 5)
    holed = x.clone()
    holed[1], holed[3, 2] = float("nan"), float("inf")
    weight, mask = torch.tensor([1.0, 0.0, 1.0, 1.0]), holed.isfinite()
    one = Observed("x", px, holed, weight.expand(3, 4), mask)
    expected = (Normal(loc, 1.0).log_prob(x) * mask).sum(-1)
    assert torch.allclose(one.log_px, expected)
    one.log_px.sum().backward()
    assert torch.equal(loc.grad != 0, mask.expand(3, 4, 5))
    q = Independent(Normal(torch.full((4, 2), float("nan")), 1.0, validate_args=False), 1)
    padded = Latent("z", q, normal(2), torch.zeros(3, 4, 2), weight=torch.zeros(4))
    assert not torch.stack([padded.log_q, padded.log_p, padded.kl]).any()
    assert not padded.kl_per_dim.any()
    whole = Observed(
        "x", MultivariateNormal(torch.zeros(3, 4, 2), torch.eye(2)), x[:, :2], mask=mask
    )
    with pytest.raises(ValueError, match="x has a mask, but p.x.z. is MultivariateNormal, which"):
        _ = whole.log_px
