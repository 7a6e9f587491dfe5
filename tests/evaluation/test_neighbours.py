"""Samples beside the training examples nearest to them."""

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.data import Batch, DataModule, DataSpec
from vae.data.source import Source, Splits, TensorExamples
from vae.evaluation import Neighbours, NotApplicable, Subject, nearest


def test_the_nearest_of_all_batches_is_found_with_its_distance():
    x, queries = torch.randn(50, 2, 3), torch.randn(20, 2, 3)
    distances, found = nearest(queries, [Batch(part, None) for part in x.split(17)])
    table = (queries[:, None] - x).square().mean((2, 3)).sqrt()
    assert torch.allclose(distances, table.min(1).values)
    assert torch.equal(found, x[table.argmin(1)])


def test_a_copy_is_at_no_distance_at_all():
    x = 100 + torch.randn(40, 500)
    distances, found = nearest(x[::3], [Batch(x, None)])
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


def test_training_examples_are_no_standard():
    subject = subject_of(LinearGaussian().factorised().float(), torch.randn(9, 6), split="train")
    with pytest.raises(NotApplicable, match="use split=test"):
        Neighbours()(subject)


def test_only_so_many_training_examples_are_searched():
    section = Neighbours(num_samples=5, max_train=100)(subject_on(torch.randn(3000, 6)))
    assert section.protocol["train_examples"] == 100
    assert section.protocol["num_samples"] == section.protocol["held_out_examples"] == 5
