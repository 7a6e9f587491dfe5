"""Figures of each class."""

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import ByLabel, measure
from vae.evaluation.downstream.by_label import class_means, headlines, picked

ROWS = [("a", 1, -900.0), ("b", 10, -120.0), ("c", 200, -80.0), ("d", 9, -3.0)]
pytestmark = pytest.mark.usefixtures("double_precision")


def test_each_class_has_the_figures_of_its_examples():
    gold = LinearGaussian()
    x = gold.marginal.sample((300,)).float().double()
    labels = (x[:, 0] > x[:, 0].median()).long() * 2  # a class in between does not occur
    x[labels == 2] += 3  # less likely
    x = x.float().double()
    subject = subject_of(gold.exact(), x, labels=labels)
    section = ByLabel(4)(subject)
    (rows,) = section.tables.values()
    assert [(row["class"], row["examples"]) for row in rows] == [(0, 150), (2, 150)]
    for row in rows:
        log_p = gold.log_p(x[labels == row["class"]])
        # Of the exact posterior's closed KL the bound varies with z, and is log p(x) on average.
        assert row["ELBO"] == pytest.approx(log_p.mean().item(), abs=0.5)
        assert row["ELBO"] == pytest.approx(row["log p(x|z)"] - row["KL"])
    assert section.figures["lowest_elbo"].value == rows[1]["ELBO"]
    assert section.figures["lowest_elbo"].error == rows[1]["± ELBO"]
    (picture,) = section.pictures.values()
    assert picture.pixels.dtype == torch.uint8


def test_classes_are_called_by_their_names():
    gold = LinearGaussian()
    x, labels = gold.marginal.sample((30,)), torch.arange(30) % 2 * 2
    subject = subject_of(gold.exact(), x, labels=labels, class_names=("cat", "ape", "dog"))
    section = ByLabel(2)(subject)
    assert [row["class"] for row in section.tables["classes"]] == ["cat", "dog"]
    assert section.figures["lowest_elbo"].name in ("lowest ELBO, of class cat",
                                                   "lowest ELBO, of class dog")  # fmt: skip


def test_a_class_of_few_is_no_headline_and_has_no_error_alone():
    rows = [{"class": c, "examples": n, "ELBO": e, "± ELBO": 0.1} for c, n, e in ROWS]
    names = [figure.name for figure in headlines(rows).values()]
    assert names == ["classes", "lowest ELBO, of class b", "highest ELBO, of class c"]
    assert list(headlines(rows[:1])) == ["num_classes"]
    gold = LinearGaussian()
    subject = subject_of(gold.exact(), torch.randn(9, 6), labels=(torch.arange(9) == 4).long())
    assert [row["± ELBO"] is None for row in ByLabel(1)(subject).tables["classes"]] == [False, True]


def test_means_errors_and_a_class_of_one():
    values = torch.tensor([[1.0, 0], [3, 0], [9, 1]])
    means, errors, counts = class_means(values, torch.tensor([0, 0, 7]))
    assert means.tolist() == [[2, 0], [9, 1]]
    assert counts == ([0, 7], [2, 1])
    assert errors[0].tolist() == pytest.approx([1, 0], rel=1e-15, abs=0)  # of 1 and 3: √2 / √2
    assert errors[1].isnan().all()


def test_draws_start_from_examples_of_their_class():
    gold = LinearGaussian(4, 3)
    labels = torch.arange(290) % 2
    x = torch.randn(290, 4) + 100 * labels[:, None]
    subject = subject_of(gold.exact(), x, labels=labels)
    rows = torch.tensor([0, 5, 127, 128, 289])
    assert torch.equal(picked(subject, rows)["x"], x[rows].float().double())
    draws = ByLabel(3)._draws(subject, labels, [0, 1])
    assert draws.shape == (2, 3, 4)
    near = gold.decoder()(gold.posterior(x[:2]).mean).mean
    assert (draws[1] - near[1]).norm() < (draws[1] - near[0]).norm()
    assert (draws[0] - near[0]).norm() < (draws[0] - near[1]).norm()


def test_data_without_labels_are_left_out():
    gold = LinearGaussian()
    report = measure(subject_of(gold.exact(), torch.randn(9, 6)), {"by_label": ByLabel()})
    assert report.left_out == {"by_label": "the data have no labels"}
    with pytest.raises(ValueError, match="from 1 to 100"):
        ByLabel(0)
