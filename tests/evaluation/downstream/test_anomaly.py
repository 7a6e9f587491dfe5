"""Anomaly scores on data whose likelihood ratio is known, and their area under the curve."""

import bz2
import zlib
from math import log

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from tests.evaluation.subjects import Held, subject_of
from tests.linear_gaussian import LinearGaussian
from vae.data import DataModule, DataSpec, TensorExamples
from vae.distributions import Bernoulli, Conditional, NormalPosterior
from vae.evaluation import Anomaly, measure
from vae.evaluation.downstream.anomaly import whole_numbers
from vae.evaluation.downstream.auroc import auroc
from vae.evaluation.downstream.compression import code_lengths
from vae.models import VAE
from vae.priors import StandardNormal


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_is_scikit_learns(ties):
    negative, positive = torch.randn(300), torch.randn(200) + 0.8
    if ties:
        negative, positive = negative.round(), positive.round()
    truth = [0] * 300 + [1] * 200
    expected = roc_auc_score(truth, torch.cat([negative, positive]).numpy())
    assert auroc(negative, positive)[0] == pytest.approx(expected, abs=1e-12)


def test_the_error_of_the_area_is_that_of_repetitions():
    found = torch.tensor([auroc(torch.randn(150), torch.randn(60) + 1) for _ in range(1000)])
    deviation = found[:, 0].std().item()
    assert found[:, 1].mean().item() == pytest.approx(deviation, rel=0.08)
    assert auroc(torch.zeros(5), torch.ones(5)) == (1, 0)


def test_scores_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="at least 2 scores"):
        auroc(torch.zeros(1), torch.zeros(5))
    with pytest.raises(ValueError, match="all of them numbers"):
        auroc(torch.zeros(5), torch.tensor([0, torch.nan]))


def test_code_lengths_are_those_of_the_compressors():
    flat = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    ramp = torch.arange(32).expand(1, 3, 32, 32).to(torch.uint8) * 7
    noise = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    lengths = code_lengths(torch.cat([flat, ramp, noise]), 256)
    assert lengths[0] < lengths[1] < lengths[2]
    assert 3072 <= lengths[2] / (8 * log(2)) < 3072 + 100  # noise cannot be compressed
    vector = torch.arange(200).view(1, 200).to(torch.uint8)
    plain = bytes(range(200))
    expected = min(len(zlib.compress(plain, 9)), len(bz2.compress(plain, 9))) * 8 * log(2)
    assert code_lengths(vector, 256).item() == pytest.approx(expected)


def test_bits_are_packed():
    noise = torch.randint(0, 2, (1, 1, 64, 64), dtype=torch.uint8)
    length = code_lengths(noise, 2).item()
    assert 512 <= length / (8 * log(2)) < 512 + 100


def test_values_become_levels_again():
    levels = torch.arange(256)
    bytes_spec = DataSpec("a", (1,), "unit_interval", 256)
    noisy = DataSpec("a", (1,), "unit_interval", 256, dequantized=True)
    assert torch.equal(whole_numbers(levels / 255, bytes_spec), levels.to(torch.uint8))
    assert torch.equal(whole_numbers((levels + 0.99) / 256, noisy), levels.to(torch.uint8))


def module_of(x, support="real", levels=None):
    spec = DataSpec("other", tuple(x.shape[1:]), support, levels)
    return DataModule(Held(spec, TensorExamples(x)))


@pytest.mark.usefixtures("double_precision")
def test_the_area_of_the_likelihood_is_the_exact_one():
    gold = LinearGaussian()
    own, other = gold.marginal.sample((500,)), gold.marginal.sample((400,)) + 0.7
    subject = subject_of(gold.exact(), own)
    section = Anomaly(module_of(other.float()), num_samples=3)(subject)
    expected, error = auroc(-gold.log_p(own), -gold.log_p(other))
    assert section.figures["auroc_nll"].value == pytest.approx(expected, abs=1e-3)
    assert section.figures["auroc_nll"].error == pytest.approx(error, rel=1e-2)
    assert sorted(section.figures) == ["auroc_elbo", "auroc_nll"]  # no codes of real numbers
    assert section.protocol["other_examples"] == 400


def constant_model(shape, probability):
    """Bernoulli pixels of one probability, whatever z."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 4))
    decoder = nn.Linear(2, 256)
    decoder.weight.data.zero_()
    decoder.bias.data.fill_(torch.logit(torch.tensor(probability)).item())
    decoder = nn.Sequential(decoder, nn.Unflatten(1, shape))
    likelihood = Conditional(Flat(decoder), Bernoulli(shape))
    return VAE(Conditional(encoder, NormalPosterior(2)), likelihood, StandardNormal((2,)))


class Flat(nn.Module):
    """A net of one leading dimension, given any number of them."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, z):
        x = self.net(z.flatten(0, -2))
        return x.unflatten(0, z.shape[:-1])


def test_complexity_finds_what_the_likelihood_alone_prefers():
    """Flat pictures are likelier than noise under a model of noise: only the ratio tells."""
    noise = (torch.rand(60, 1, 16, 16) < 0.3).float()
    flat = torch.zeros(60, 1, 16, 16)
    flat[:, 0, :4, :4] = 1
    subject = subject_of(constant_model((1, 16, 16), 0.3), noise, support="boolean")
    subject.data.preprocess.spec = module_of(noise, "boolean", 2).spec
    section = Anomaly(module_of(flat, "boolean", 2), num_samples=2)(subject)
    assert section.figures["auroc_nll"].value < 0.1
    assert section.figures["auroc_complexity"].value > 0.9
    made_of = ["likelihood and code length", "the ELBO", "the likelihood"]
    assert sorted(section.pictures) == [f"scores by {words}" for words in made_of]


def test_without_other_data_it_is_left_out_with_advice():
    gold = LinearGaussian()
    subject = subject_of(gold.factorised().float(), torch.randn(9, 6))
    assert "report.anomaly.other=" in measure(subject, {"a": Anomaly()}).left_out["a"]
    with pytest.raises(ValueError, match=r"other has shape \(5,\), .* held has \(6,\)"):
        Anomaly(module_of(torch.randn(9, 5)))(subject)
    with pytest.raises(ValueError, match=r"has support boolean"):
        Anomaly(module_of(torch.zeros(9, 6), "boolean", 2))(subject)
    with pytest.raises(ValueError, match=r"num_examples starts at 2"):
        Anomaly(num_examples=1)
    with pytest.raises(FileNotFoundError):
        Anomaly(background="nowhere.ckpt")
