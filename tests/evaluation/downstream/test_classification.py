"""Accuracy of q(y|x) by hand; an example whose label is hidden counts nowhere as a class."""

import pytest
import torch

from tests.compose import settings_of
from vae.build import build_model
from vae.data import DataModule, Memory
from vae.evaluation import ByLabel, Classification, NotApplicable, Probe, Subject

LABEL = torch.arange(60) % 3


@pytest.fixture
def data():
    x = torch.nn.functional.one_hot(LABEL, 3).to(torch.uint8)
    parts = {"val": {"x": x, "label": LABEL}, "test": {"x": x, "label": LABEL}}
    return DataModule(Memory({"x": x, "label": LABEL}, **parts), labelled=6)


@pytest.fixture
def model(data):
    model = build_model(settings_of("model=m2", "model.classifier.hidden=[]"), data.spec).eval()
    with torch.no_grad():  # class 2 is taken for 1
        (affine,) = model.classifier.layers
        affine.weight.copy_(torch.eye(3) * torch.tensor([2.0, 2.0, 0.0]))
        affine.bias.copy_(torch.tensor([0.0, 0.5, 0.0]))
    return model


def test_figures_are_those_of_a_count(model, data):
    section = Classification()(Subject(model, data))
    assert section.figures["accuracy"].value == pytest.approx(2 / 3)
    (rows,) = section.tables.values()
    assert [list(row.values()) for row in rows] == [
        [0, 20, 20, 0, 0],
        [1, 20, 0, 20, 0],
        [2, 20, 0, 20, 0],
    ]
    log_q = torch.tensor([[2.0, 0.5, 0.0], [0.0, 2.5, 0.0], [0.0, 0.5, 0.0]]).log_softmax(-1)
    assert section.figures["log_likelihood"].value == pytest.approx(log_q.diagonal().mean().item())
    assert section.protocol == {"training labels": 6, "left out": 0}


def test_hidden_labels_are_no_class(model, data):
    train = Subject(model, data, split="train")
    section = Classification()(train)
    assert section.protocol["left out"] == 54
    assert sum(row["examples"] for row in next(iter(section.tables.values()))) == 6
    with pytest.raises(NotApplicable, match="hidden by data.labelled: use split=test"):
        ByLabel()(train)
    probed = Probe(num_train=10, neighbors=2)(Subject(model, data))
    assert probed.protocol["train_examples"] == 6
    assert {row["chance"] for row in probed.tables["accuracy"]} == {1 / 3}
