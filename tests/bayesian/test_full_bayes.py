"""A VAE whose decoder's weights have a posterior: full variational Bayes."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from tests.compose import settings_of
from vae.bayesian import GaussianPrior, LocalReparameterization, PlainSampling, bayesian
from vae.build import build_model
from vae.data import DataSpec
from vae.distributions import Bernoulli, Conditional, NormalPosterior
from vae.draws import At, Centers
from vae.models import VAE
from vae.objectives import ELBO, IWAE, Progress
from vae.priors import StandardNormal

N = 500


@pytest.fixture(params=[LocalReparameterization(), PlainSampling()])
def model(request, double_precision):
    encoder = Conditional(nn.Linear(6, 4), NormalPosterior(2))
    net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 6))
    net = bayesian(net, prior=GaussianPrior(0.5), estimator=request.param)
    return VAE(encoder, Conditional(net, Bernoulli((6,))), StandardNormal((2,)))


def weights_kl(model):
    """Return KL(q ‖ p) of all weights of the decoder by torch's own rule."""
    net = model.decoder.net
    parameters = dict(net.net.named_parameters())
    total = 0.0
    for layer in net.layers.values():
        q = Normal(layer.means(parameters), layer.log_scale.exp())
        total += kl_divergence(q, Normal(torch.zeros_like(q.loc), 0.5)).sum()
    return total


def test_the_bound_counts_the_weights_once_for_all_examples(model):
    x = torch.bernoulli(torch.full((7, 6), 0.5))
    trace = model(x, num_samples=3, num_examples=N)
    assert trace.log_px.shape == trace.elbo.shape == (3, 7)
    assert torch.allclose(trace.kl, trace["z"].kl + weights_kl(model) / N)
    terms = ELBO(num_samples=3)(trace, Progress(0, N))
    assert torch.allclose(terms["kl"], trace["z"].kl.mean() + weights_kl(model) / N)
    sum(terms.values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    batches = [ELBO()(model(half, num_examples=7))["kl"] for half in (x[:3], x[3:])]
    whole = ELBO()(model(x, num_examples=7))["kl"]
    assert torch.allclose((3 * batches[0] + 4 * batches[1]) / 7, whole)


def test_sharp_weights_make_it_the_vae_of_their_means(model):
    x = torch.bernoulli(torch.full((7, 6), 0.5))
    for layer in model.decoder.net.layers.values():
        layer.log_scale.data.fill_(-30.0)
    plain = VAE(model.encoder, Conditional(model.decoder.net.net, model.decoder.head), model.prior)
    torch.manual_seed(0)
    z = model.encode(x).rsample((4,))
    found = model.ran({"x": x}, At({"z": z})).trace().log_px
    assert torch.allclose(found, plain.decode(z).log_prob(x), atol=1e-9)
    assert torch.allclose(model(x, num_examples=N)["z"].kl, plain(x).kl)
    assert torch.allclose(model.reconstruct(x), plain.reconstruct(x))


def test_what_a_user_does_with_it(model):
    x = torch.bernoulli(torch.full((5, 6), 0.5))
    assert model.encode(x).mean.shape == model.embed(x).shape == (5, 2)
    assert model.decode(torch.randn(3, 5, 2)).mean.shape == (3, 5, 6)
    assert model.reconstruct(x).shape == (5, 6)
    assert model.sample(4).shape == (4, 6)
    assert model.sample_latents(4).shape == (4, 2)
    weights = model.ran({"x": x}, Centers()).latents
    assert [latent.shared for latent in weights.values()] == [False, True, True]
    with pytest.raises(ValueError, match="share the latent"):
        model.log_likelihood(x, num_samples=3)
    with pytest.raises(ValueError, match="share the latent"):
        IWAE(num_samples=3)(model(x, num_samples=3))


def test_it_is_one_setting():
    settings = settings_of(
        "data=sprites",
        "model=conv",
        "model.encoder.channels=[4,4]",
        "model.encoder.hidden=[8]",
        "+model.decoder_weights={_target_: vae.bayesian.Posteriors, "
        "prior: {_target_: vae.bayesian.EmpiricalPrior}, "
        "estimator: {_target_: vae.bayesian.Flipout}}",
    )
    model = build_model(settings, DataSpec("bits", (1, 16, 16), "boolean", 2))
    x = torch.bernoulli(torch.full((3, 1, 16, 16), 0.5))
    for count in (1, 2):
        model(x, num_samples=count, num_examples=N).elbo.mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
