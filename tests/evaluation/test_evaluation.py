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
    rows = subject.batches(150).examples.rows
    assert torch.allclose(codes.z, subject.model.embed(x[rows]), atol=1e-6)
    assert torch.equal(codes.labels, labels[rows])
    assert torch.equal(codes.factors, factors[rows])
    assert torch.equal(subject.examples(150)["x"], x[rows])
    assert subject.codes(150) is codes


def test_several_numbers_of_samples_make_a_table_and_the_largest_the_figures(subject):
    section = Bound([30, 2])(subject)
    (table,) = section.tables.values()
    assert [row["num_samples"] for row in table] == [2, 30]
    assert section.figures["nll"].value == table[1]["nll"]
    assert section.figures["nll"].error == table[1]["standard_error"]
    assert section.protocol == {"num_samples": [30, 2]}
    alone = Bound(30)(subject)
    assert alone.figures == section.figures
    assert not alone.tables


def test_weights_that_are_not_to_be_trusted_are_said_to_be(subject):
    gold, x = LinearGaussian(), subject.examples(40)["x"]
    narrow = subject_of(gold.factorised(width=0.2).float(), x)
    section = Bound(100)(narrow)
    beginning = f"For {section.figures['pareto_k_share'].value:.1%} of the examples Pareto"
    assert section.notes[0].startswith(beginning)
    wide = Bound(100)(subject_of(gold.factorised(width=2.0).float(), x))
    assert not any("Pareto" in note for note in wide.notes)
    assert "from 25 on" in Bound(24)(subject).notes[0]


@pytest.mark.parametrize("num_samples", [0, [], [5, 0]])
def test_numbers_of_samples_out_of_range_are_refused(num_samples):
    with pytest.raises(ValueError, match="num_samples must be at least 1; got"):
        Bound(num_samples)
