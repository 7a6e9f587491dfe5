from math import inf
from pathlib import Path

import pytest
import torch
from torch import nn

import vae
from tests.compose import settings_of
from tests.steps import BINARY, MLP
from vae.build import build_model
from vae.cli.compose import choices
from vae.distributions import Bernoulli, Conditional, Joint, LogScaleNormal, NormalPosterior, draw
from vae.distributions import sampling as module
from vae.evaluation import Subject, measure
from vae.models import VAE
from vae.objectives import IWAE
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
    assert model.log_likelihood(x).shape == (5,)
    assert set(model.sample(50, noise=True).unique().tolist()) == {0.0, 1.0}
    with pytest.raises(ValueError, match="model=m2 predicts a label, model=bayesian a label or a"):
        model.predict(x)


@pytest.mark.parametrize("n", [1, 500, 501, 1203])
def test_samples_that_are_decoded_some_at_a_time_are_those_of_the_same_latents(model, n):
    x = model.sample(n)
    torch.manual_seed(0)
    z = model.sample_latents(n)
    assert x.shape == (n, 6)
    torch.manual_seed(0)
    torch.testing.assert_close(model.sample(n), model.decode(z).mean)


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
    model = VAE(encoder, decoder, Shifted(), given=["context"])
    context = torch.randn(5, 3)
    x = torch.bernoulli(torch.full((5, 6), 0.5))
    batch = {"x": x, "context": context}
    trace = model(batch, num_samples=2)
    trace.log_weight.sum().backward()
    assert all((p.grad != 0).any() for p in model.parameters())
    other = {"x": x, "context": context + 1}
    assert not torch.equal(model.reconstruct(batch), model.reconstruct(other))
    assert model.sample(5, given={"context": context}).shape == (5, 6)
    assert model.log_likelihood(batch, num_samples=3, max_rows=4).shape == (5,)
    with pytest.raises(ValueError, match="reads x, context: give a mapping"):
        model.reconstruct(x)
    with pytest.raises(ValueError, match="context must hold a value for each of 7 samples; got 5"):
        model.sample(7, given={"context": context})


def test_encoding_happens_once_however_many_samples(model):
    calls = []
    model.encoder.register_forward_hook(lambda *_: calls.append("encode"))
    model.decoder.register_forward_hook(lambda *_: calls.append("decode"))
    model(torch.zeros(5, 6), num_samples=50)
    assert calls == ["encode", "decode"]


PARTS = {
    "posterior": [f"posterior={name}" for name in choices("posterior")],
    "prior": ["prior=vamp", "prior=nsf", "prior=uniform_categorical posterior=categorical"],
}


@pytest.mark.parametrize("part", [*PARTS["posterior"], *PARTS["prior"]])
@pytest.mark.parametrize("max_rows", [1, 17, 4096])
def test_weights_are_those_of_the_trace_whatever_the_slices(part, max_rows):
    """The largest number of rows that reach the decoder at once is the one that was allowed."""
    rows = []
    model = build_model(settings_of(*MLP, *part.split()), BINARY).eval().double()
    model.decoder.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[:2]))
    x = torch.bernoulli(torch.full((5, *BINARY.shape), 0.5).double())
    model.log_weights(x, num_samples=1)  # which counts the memory of a row
    state = torch.get_rng_state()
    with torch.no_grad():
        expected = model(x, num_samples=9).log_weight
    torch.set_rng_state(state)
    rows.clear()
    found = model.log_weights(x, num_samples=9, max_rows=max_rows)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)
    assert sum(k * b for k, b in rows) == 45
    assert max(k * b for k, b in rows) == {1: 1, 17: 15, 4096: 45}[max_rows]


def test_weights_of_another_proposal(model):
    x = torch.bernoulli(torch.full((5, 6), 0.5))
    q = Joint(LogScaleNormal(torch.zeros(5, 2), torch.zeros(5, 2)), 1)  # which is the prior
    torch.manual_seed(1)
    found = model.log_weights(x, num_samples=3, proposals={"z": q})
    torch.manual_seed(1)
    assert torch.allclose(found, model.decode(q.rsample((3,))).log_prob(x), atol=1e-5)


def test_latents_are_drawn_a_fixed_number_at_once(model, monkeypatch):
    drawn = []
    monkeypatch.setattr(module, "draw", lambda q, k: drawn.append(k) or draw(q, k))
    model.log_weights(torch.zeros(128, 6), num_samples=70, max_rows=1000)
    assert drawn == [32, 32, 6]


def test_numbers_out_of_range_are_refused(model):
    for arguments in ({"n": 0}, {"n": 3, "temperature": 0.0}):
        with pytest.raises(ValueError, match="n must be a whole number|temperature must be"):
            model.sample(**arguments)
    with pytest.raises(ValueError, match="num_samples"):
        model.log_likelihood(torch.zeros(1, 6), num_samples=0)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda m: m.sample("3"), "n must be a whole number of at least 1; got '3'"),
        (lambda m: m.sample(1.5), "n must be a whole number of at least 1; got 1.5"),
        (lambda m: m.sample(2, temperature=inf), "temperature must be above 0 and finite; got inf"),
        (
            lambda m: m.log_likelihood(torch.zeros(1, 6), num_samples=2.5),
            "num_samples must be a wh",
        ),
        (
            lambda m: IWAE(num_samples=2.5),
            "num_samples must be a whole number of at",
        ),
        (lambda m: Subject(m, None, max_examples=0), "max_examples must be a whole number of at "),
        (lambda m: measure(None, ["bound"]), "measure takes evaluations by name, .*; got list"),
        (
            lambda m: vae.load(None),
            "the path of a run, a checkpoint or an export; got None",
        ),
        (lambda m: vae.load(Path(__file__).parent), "name the folder of a run, a checkpoint or"),
    ],
)
def test_a_wrong_argument_is_told_in_a_sentence(model, call, told):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=told):
        call(model)
