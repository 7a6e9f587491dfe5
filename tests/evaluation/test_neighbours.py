"""Samples beside the training examples nearest to them."""

import pytest
import torch
from torch import nn

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.data import DataModule, DataSpec
from vae.data.source import Source, Splits, TensorExamples
from vae.distributions import Bernoulli, Conditional, FixedScale, Normal, NormalPosterior
from vae.evaluation import Neighbours, NotApplicable, Subject, nearest
from vae.models import VAE
from vae.priors import StandardNormal


def test_the_nearest_of_all_batches_is_found_with_its_distance():
    x, queries = torch.randn(50, 2, 3), torch.randn(20, 2, 3)
    distances, found = nearest(queries, [{"x": part} for part in x.split(17)])
    table = (queries[:, None] - x).square().mean((2, 3)).sqrt()
    assert torch.allclose(distances, table.min(1).values)
    assert torch.equal(found, x[table.argmin(1)])


def test_a_copy_is_at_no_distance_at_all():
    x = 100 + torch.randn(40, 500)
    distances, found = nearest(x[::3], [{"x": x}])
    assert (distances == 0).all()
    assert torch.equal(found, x[::3])


class Halves(Source):
    """Different examples for training and test."""

    spec = DataSpec("halves", (6,), "real")

    def __init__(self, train, test):
        self.train, self.test = TensorExamples(train, None, None), TensorExamples(test, None, None)

    def prepare(self):
        pass

    def load(self):
        return Splits(train=self.train, val=self.test, test=self.test)


def subject_on(train):
    """A model that knows the distribution, and test data from it."""
    gold = LinearGaussian()
    data = DataModule(Halves(train, gold.marginal.sample((300,)).float()))
    return Subject(gold.factorised().float().eval(), data)


def test_a_model_that_generalises_is_told_from_one_that_copies():
    gold = LinearGaussian()
    fresh = Neighbours()(subject_on(gold.marginal.sample((3000,)).float())).figures
    gap = fresh["sample"].value - fresh["reconstruction"].value
    error = (fresh["sample"].error ** 2 + fresh["reconstruction"].error ** 2) ** 0.5
    assert abs(gap) < 0.1 * fresh["reconstruction"].value + 4 * error
    generated = subject_on(torch.zeros(1, 6)).model
    torch.manual_seed(0)
    section = Neighbours(num_samples=200)(subject_on(generated.sample(200)))
    assert section.figures["sample"].value < 1e-6
    assert section.figures["reconstruction"].value > 0.1
    assert section.protocol["train_examples"] == 200
    assert list(section.pictures) == ["samples and their nearest training examples"]


def soft_digits(n, ink):
    """Return grey pictures ``(n, 1, 10, 10)``: strokes of some pixels with soft edges."""
    noise = torch.rand(n, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    blurred = nn.functional.avg_pool2d(noise, 3, 1, 1)
    ranks = blurred.flatten(1).argsort(1).argsort(1).view_as(blurred)
    return (ranks - 100 + 2 * ink).clamp(0, ink).mul(255 / ink).byte()


class Digits(Halves):
    """Pictures."""

    spec = None


class Memorised(VAE):
    """Knows one example by heart, up to what a likelihood of grey values blurs."""

    def __init__(self, head, params):
        net = nn.Linear(2, params.numel())
        net.weight.data.zero_()
        net.bias.data = params.flatten()
        to_params = nn.Sequential(net, nn.Unflatten(-1, params.shape))
        encoder = Conditional(nn.Sequential(nn.Flatten(), nn.Linear(100, 4)), NormalPosterior(2))
        super().__init__(encoder, Conditional(to_params, head), StandardNormal((2,)))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("grey", {"binarization": "dynamic"}),
        ("grey", {"binarization": "static"}),
        ("grey", {"binarization": "threshold"}),
        ("grey", {}),
        ("grey", {"dequantize": True}),
        ("bits", {}),
    ],
)
def test_the_one_example_that_a_model_knows_by_heart_is_found(kind, settings):
    thin, thick = soft_digits(100, 6), soft_digits(30, 40)
    if kind == "bits":
        thin, thick = ((x > 127).byte() for x in (thin, thick))
    x = torch.cat([thick, thin])
    levels, support = (256, "unit_interval") if kind == "grey" else (2, "boolean")
    source = Digits(x, thin)
    source.spec = DataSpec("digits", (1, 10, 10), support, levels)
    data = DataModule(source, **settings)
    known = int((data.batches("train").examples.rows == 3).nonzero())
    frozen = settings.get("binarization") == "static"
    learnt = data.examples("train")["x"][known] if frozen else x[3] / (255 if kind == "grey" else 1)
    if data.spec.support == "boolean":
        model = Memorised(Bernoulli((1, 10, 10)), learnt.clamp(1e-3, 1 - 1e-3).logit())
    else:
        model = Memorised(Normal((1, 10, 10), scale=FixedScale(0.1)), learnt)
    section = Neighbours(num_samples=10)(Subject(model.eval(), data))
    assert section.figures["sample"].value < 0.01


def test_training_examples_are_no_standard():
    subject = subject_of(LinearGaussian().factorised().float(), torch.randn(9, 6), split="train")
    with pytest.raises(NotApplicable, match="use split=test"):
        Neighbours()(subject)


def test_only_so_many_training_examples_are_searched():
    section = Neighbours(num_samples=5, max_train=100)(subject_on(torch.randn(3000, 6)))
    assert section.protocol["train_examples"] == 100
    assert section.protocol["num_samples"] == section.protocol["held_out_examples"] == 5
