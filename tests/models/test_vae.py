import pytest
import torch
from torch import nn

from tests.linear_gaussian import LinearGaussian
from vae.distributions import Bernoulli, Conditional, NormalPosterior
from vae.models import VAE
from vae.priors import StandardNormal


@pytest.fixture
def model():
    encoder = Conditional(nn.Linear(6, 4), NormalPosterior(2))
    decoder = Conditional(nn.Linear(2, 6), Bernoulli((6,)))
    return VAE(encoder, decoder, StandardNormal((2,)))


def test_what_a_user_does_with_a_model(model):
    x = torch.bernoulli(torch.full((5, 6), 0.5))
    assert model.encode(x).mean.shape == (5, 2)
    assert model.embed(x).shape == (5, 2)
    assert model.decode(torch.randn(3, 5, 2)).mean.shape == (3, 5, 6)
    assert model.reconstruct(x).shape == (5, 6)
    assert model.sample(4).shape == (4, 6)
    assert model.log_likelihood(x, num_samples=9, max_rows=7).shape == (5,)
    assert set(model.sample(50, noise=True).unique().tolist()) == {0.0, 1.0}


def test_a_model_can_be_conditioned():
    """What is given besides x reaches encoder, decoder and prior."""

    class Joined(nn.Linear):
        def forward(self, x, context):
            return super().forward(torch.cat([x, context.expand(*x.shape[:-1], -1)], -1))

    class Shifted(nn.Module):
        def forward(self, context):
            return NormalPosterior(2)(torch.cat([context, torch.zeros(len(context), 1)], -1))

    encoder = Conditional(Joined(9, 4), NormalPosterior(2))
    decoder = Conditional(Joined(5, 6), Bernoulli((6,)))
    model = VAE(encoder, decoder, Shifted())
    context = torch.randn(5, 3)
    x = torch.bernoulli(torch.full((5, 6), 0.5))
    trace = model(x, context, num_samples=2)
    trace.log_weight.sum().backward()
    assert all((p.grad != 0).any() for p in model.parameters())
    assert not torch.equal(model.reconstruct(x, context), model.reconstruct(x, context + 1))


def test_encoding_happens_once_however_many_samples(model):
    calls = []
    model.encoder.register_forward_hook(lambda *_: calls.append("encode"))
    model.decoder.register_forward_hook(lambda *_: calls.append("decode"))
    model(torch.zeros(5, 6), num_samples=50)
    assert calls == ["encode", "decode"]


def test_log_likelihood_does_not_depend_on_the_chunks():
    gold = LinearGaussian()
    torch.set_default_dtype(torch.float64)
    x = gold.marginal.sample((3,))
    whole = gold.exact().log_likelihood(x, num_samples=10)
    parts = gold.exact().log_likelihood(x, num_samples=10, max_rows=4)
    assert torch.allclose(whole, parts, atol=1e-10)


def test_numbers_out_of_range_are_refused(model):
    for arguments in ({"n": 0}, {"n": 3, "temperature": 0.0}):
        with pytest.raises(ValueError, match="n starts at 1"):
            model.sample(**arguments)
    with pytest.raises(ValueError, match="num_samples"):
        model.log_likelihood(torch.zeros(1, 6), num_samples=0)
