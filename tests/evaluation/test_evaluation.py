"""Evaluations one by one and together."""

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import Bound, Evaluation, Figure, NotApplicable, Section, measure


class Drawn(Evaluation):
    """A draw, to see the random state."""

    def __call__(self, subject):
        return Section("drawn", {"value": Figure("value", torch.rand(()).item())})


class Never(Evaluation):
    def __call__(self, subject):
        raise NotApplicable("there are no pictures")


@pytest.fixture
def subject():
    gold = LinearGaussian()
    return subject_of(gold.factorised().float(), gold.marginal.sample((40,)).float())


def test_each_evaluation_starts_from_the_seed_whatever_came_before(subject):
    state = torch.get_rng_state()
    alone = measure(subject, {"a": Drawn()}).sections["a"].figures["value"]
    after = measure(subject, {"bound": Bound(3), "a": Drawn()}).sections["a"].figures["value"]
    assert alone == after
    assert torch.equal(torch.get_rng_state(), state)


def test_what_does_not_apply_is_named_with_its_reason(subject):
    report = measure(subject, {"pictures": Never(), "bound": Bound(2)})
    assert report.left_out == {"pictures": "there are no pictures"}
    assert report.as_dict()["left_out"] == report.left_out
    assert report.as_dict()["bound"]["figures"]["num_examples"] == 40


def test_codes_come_with_labels_and_factors_and_are_made_once():
    gold = LinearGaussian()
    x = gold.marginal.sample((200,)).float()
    labels, factors = torch.arange(200) % 3, torch.arange(400).view(200, 2) % 5
    subject = subject_of(gold.factorised().float(), x, labels=labels, factors=factors)
    codes = subject.codes(150)
    assert torch.allclose(codes.z, subject.model.embed(x[:150]), atol=1e-6)
    assert torch.equal(codes.labels, labels[:150])
    assert torch.equal(codes.factors, factors[:150])
    assert subject.codes(150) is codes
