"""What is handed to a model is looked at once, and refused in a sentence."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.linear_gaussian import LinearGaussian
from vae.distributions import (
    Bernoulli,
    Conditional,
    DiscretizedLogistic,
    FixedScale,
    Normal,
    NormalPosterior,
)
from vae.models import VAE, Standardize, border
from vae.priors import StandardNormal

SHAPE = (1, 2, 3)
HEADS = {
    "bits": Bernoulli(SHAPE),
    "grid": DiscretizedLogistic(SHAPE, levels=256),
    "real": Normal(SHAPE, scale=FixedScale(1.0)),
}
CALLS = {
    "encode": lambda model, x: model.encode(x),
    "embed": lambda model, x: model.embed(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "log_weights": lambda model, x: model.log_weights(x, num_samples=2),
    "log_likelihood": lambda model, x: model.log_likelihood(x, num_samples=2),
}
SCORES = ("log_weights", "log_likelihood")


def make(kind):
    head = HEADS[kind]
    size = head.param_shape[0] * 6
    encoder = nn.Sequential(nn.Flatten(-3), nn.Linear(6, 4))
    decoder = nn.Sequential(nn.Linear(2, size), nn.Unflatten(-1, head.param_shape))
    return VAE(
        Conditional(encoder, NormalPosterior(2)), Conditional(decoder, head), StandardNormal((2,))
    )


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((5, *SHAPE)), TypeError, r"must be a tensor; got ndarray: use torch.as_tensor"),
        (torch.zeros(5, *SHAPE, dtype=torch.uint8), TypeError, r"got torch.uint8: .*/ 255"),
        (torch.zeros(5, *SHAPE, dtype=torch.bool), TypeError, r"got torch.bool: use x.float\(\)"),
        (torch.zeros(5, *SHAPE).double(), TypeError, r"got torch.float64: use x.to\(torch.float32"),
        (torch.zeros(5, 6), ValueError, r"shape \(5, 6\); this model takes \(B, 1, 2, 3\)"),
        (torch.zeros(2, 3), ValueError, r"shape \(2, 3\)"),
        (torch.zeros(SHAPE), ValueError, r"shape \(1, 2, 3\)"),
        (torch.zeros(0, *SHAPE), ValueError, r"with B of at least 1"),
        (torch.full((5, *SHAPE), torch.nan), ValueError, r"holds nan at index \(0, 0, 0, 0\)"),
        (torch.full((5, *SHAPE), 2.0), ValueError, r"from 2 to 2; likelihood Bernoulli takes"),
        (torch.full((5, *SHAPE), -1.0), ValueError, r"from -1 to -1"),
    ],
)
def test_what_is_no_batch_of_bits(call, x, error, message):
    with pytest.raises(error, match=message):
        CALLS[call](make("bits"), x)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("kind", "value"), [("bits", 1.0), ("grid", 0.3), ("real", 1e6)])
def test_what_the_likelihood_covers_is_taken(call, kind, value):
    x = torch.full((5, *SHAPE), value)
    CALLS[call](make(kind), x)
    for wrong in (torch.inf, torch.nan):
        with pytest.raises(ValueError, match="every value must be finite"):
            CALLS[call](make(kind), x.clone().index_fill_(0, torch.tensor([3]), wrong))


@pytest.mark.parametrize("call", CALLS)
def test_grey_values_have_a_code_but_no_mass(call):
    """An encoder of bits takes them, as probabilities of a one."""
    x = torch.full((5, *SHAPE), 0.5)
    if call in SCORES:
        with pytest.raises(ValueError, match=r"takes 0 and 1 alone: binarise it, by x.round"):
            CALLS[call](make("bits"), x)
    else:
        CALLS[call](make("bits"), x)


def test_latents_of_another_shape():
    for shape in ((3,), (5, 3), (2, 1)):
        with pytest.raises(ValueError, match=r"this model decodes \(\.\.\., 2\)"):
            make("bits").decode(torch.zeros(shape))
    assert make("bits").decode(torch.zeros(2)).mean.shape == SHAPE


def test_a_call_looks_once_and_a_training_step_never(monkeypatch):
    calls = []
    monkeypatch.setattr(border, "check_examples", lambda *_, **__: calls.append(1))
    vae, x = make("bits"), torch.zeros(5, *SHAPE)
    vae(x, num_samples=2).log_weight.sum().backward()
    assert not calls
    for call in CALLS.values():
        call(vae, x)
    assert len(calls) == len(CALLS)


def test_half_precision_and_too_few_digits_are_refused():
    model = LinearGaussian().factorised().float()
    with pytest.raises(TypeError, match=r"x must be torch\.float32, as the model is; got .*16"):
        model.encode(torch.zeros(2, 6, dtype=torch.float16))
    model.standardize = Standardize((6,))
    model.standardize.set(torch.full((6,), 1.7e9, dtype=torch.float64), torch.ones(6))
    for x in (torch.zeros(2, 6), torch.zeros(2, 6, dtype=torch.int64)):
        with pytest.raises(TypeError, match=r"x must be torch\.float64, .*use x\.double\(\)"):
            model.encode(x)
    model.encode(torch.zeros(2, 6, dtype=torch.float64) + 1.7e9)
