"""Probes against scikit-learn and on codes whose accuracy is known."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from tests.evaluation.subjects import Held, subject_of
from tests.linear_gaussian import LinearGaussian
from vae.data import DataModule, DataSpec, Splits, TensorExamples
from vae.distributions import Conditional, FixedScale, Normal, NormalPosterior
from vae.evaluation import NotApplicable, Probe, Subject
from vae.evaluation.downstream.classifiers import (
    fit_logistic,
    nearest_neighbors,
    score,
    standardized,
)
from vae.models import VAE
from vae.priors import StandardNormal


def clusters(n=600, d=4, classes=3, spread=1.5):
    """Overlapping clusters of unequal size, ``(N, D)`` and ``(N,)``."""
    generator = torch.Generator().manual_seed(0)
    y = torch.multinomial(torch.tensor([0.6, 0.3, 0.1]), n, True, generator=generator)
    centres = torch.randn(classes, d, generator=generator, dtype=torch.float64)
    z = centres[y] + spread * torch.randn(n, d, generator=generator, dtype=torch.float64)
    return z, y


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
def test_the_logistic_regression_is_scikit_learns(penalty):
    z, y = clusters()
    w, b = fit_logistic(z, y, 3, penalty=penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1000).fit(z.numpy(), y.numpy())
    assert torch.allclose(w, torch.from_numpy(theirs.coef_), atol=1e-4)
    logits = z @ w.T + b  # the bias is free up to a constant
    expected = torch.from_numpy(theirs.decision_function(z.numpy()))
    assert torch.allclose(logits.softmax(1), expected.softmax(1), atol=1e-4)


@pytest.mark.parametrize("k", [1, 10])
def test_the_nearest_neighbours_are_scikit_learns(k):
    (z, y), m = clusters(2000), 700
    ours = nearest_neighbors(z[m:], y[m:], z[:m], k=k)
    theirs = KNeighborsClassifier(k).fit(z[m:].numpy(), y[m:].numpy()).predict(z[:m].numpy())
    assert torch.equal(ours, torch.from_numpy(theirs))


def test_the_score_is_scikit_learns_and_its_error_that_of_repetitions():
    generator = torch.Generator().manual_seed(1)
    truth = torch.multinomial(torch.tensor([0.8, 0.2]), 400, True, generator=generator)
    found = []
    for _ in range(2000):
        wrong = torch.rand(400, generator=generator) < torch.where(truth == 0, 0.1, 0.5)
        found.append(score(torch.where(wrong, 1 - truth, truth), truth))
    last = torch.where(wrong, 1 - truth, truth)
    assert found[-1].balanced == pytest.approx(balanced_accuracy_score(truth, last))
    accuracy, balanced = (torch.tensor([f[i] for f in found]) for i in (0, 2))
    assert found[0].balanced_error == pytest.approx(balanced.std().item(), rel=0.1)
    # Fixed classes vary a little less than the binomial error says.
    assert accuracy.std().item() < found[0].accuracy_error < 1.2 * accuracy.std().item()


def test_standardising_leaves_a_constant_dimension_alone():
    z = torch.cat([5 + 3 * torch.randn(50, 2), torch.full((50, 1), 2.0)], 1)
    train, test = standardized(z, z[:5] + 1)
    assert torch.allclose(train.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(train[:, :2].std(0, correction=0), torch.ones(2, dtype=torch.float64))
    assert torch.equal(test[:, 2], torch.ones(5, dtype=torch.float64))


def identity(d):
    """A model whose codes are the examples."""
    net = nn.Linear(d, 2 * d)
    net.weight.data = torch.eye(2 * d, d)
    net.bias.data.zero_()
    likelihood = Normal((d,), scale=FixedScale(1.0))
    decoder = Conditional(nn.Linear(d, d), likelihood)
    return VAE(Conditional(net, NormalPosterior(d)), decoder, StandardNormal((d,)))


def test_separable_labels_are_found_and_unrelated_ones_are_chance():
    y = torch.arange(900) % 3
    x = torch.randn(900, 4) + 9 * nn.functional.one_hot(y, 4)
    found = Probe(400)(subject_of(identity(4), x, labels=y, max_examples=300)).figures
    assert found["label_linear"].value == found["label_knn_balanced"].value == 1
    assert found["label_chance"].value == pytest.approx(1 / 3, abs=0.1)
    section = Probe()(subject_of(identity(4), torch.randn(900, 4), labels=y))
    figure = section.figures["label_linear"]
    assert figure.value < 0.5
    assert figure.error == pytest.approx((figure.value * (1 - figure.value) / 900) ** 0.5)
    assert section.protocol["train_examples"] == 900


class Parts(Held):
    """Other examples for training than for test."""

    has_test = True

    def __init__(self, train, test, num_classes):
        super().__init__(DataSpec("parts", (2,), "real", num_classes=num_classes), None)
        self.parts = [TensorExamples(x, y) for x, y in (train, test)]

    def load(self):
        return Splits(self.parts[0], test=self.parts[1])


def test_training_codes_are_not_judged_on_themselves():
    y = torch.arange(90) % 3
    with pytest.raises(NotApplicable, match="use split=test"):
        Probe(neighbors=1)(subject_of(identity(4), torch.randn(90, 4), labels=y, split="train"))


def test_classes_that_training_does_not_show_are_left_out_and_counted():
    def separated(y):
        return nn.functional.pad(y[:, None] % 10 + 0.01 * torch.randn(len(y), 1), (0, 1)), y

    train = separated(torch.tensor([3, 5, 10**9]).repeat(30))  # no one-hot vectors of 10⁹
    test = separated(torch.tensor([3, 5, 4, 7]).repeat(10))
    section = Probe()(Subject(identity(2).eval(), DataModule(Parts(train, test, 10**9 + 1))))
    assert section.figures["label_linear"].value == section.figures["label_knn"].value == 1
    assert section.protocol["left_out"] == {"label": 20}
    assert section.notes == [
        "20 of 40 examples are left out of label: their classes have no training code."
    ]
    other = separated(torch.tensor([4, 7]).repeat(10))
    with pytest.raises(NotApplicable, match="no class of the split has a training code"):
        Probe()(Subject(identity(2).eval(), DataModule(Parts(train, other, 10**9 + 1))))


def test_without_labels_each_factor_is_predicted():
    factors = torch.stack([torch.arange(600) % 2, torch.arange(600) // 2 % 5], 1)
    x = torch.randn(600, 3)
    x[:, 0] += 8 * factors[:, 0]
    section = Probe()(subject_of(identity(3), x, factors=factors))
    assert section.figures["factor0_linear"].value > 0.99
    assert section.figures["factor1_linear"].value < 0.4
    rows = section.tables["accuracy"]
    assert [row["predicted"] for row in rows] == ["factor0"] * 2 + ["factor1"] * 2
    assert rows[2]["balanced chance"] == pytest.approx(0.2)


def test_data_without_either_are_left_out():
    gold = LinearGaussian()
    with pytest.raises(NotApplicable, match="neither labels nor ground-truth factors"):
        Probe()(subject_of(gold.factorised().float(), torch.randn(9, 6)))


@pytest.mark.parametrize(
    "wrong", [{"num_train": 1}, {"neighbors": 0}, {"num_train": 5}, {"penalty": -1.0}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"neighbors|penalty"):
        Probe(**wrong)
