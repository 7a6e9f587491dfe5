"""M2 and M1+M2 from the command line: one file is the whole model, and resumes are exact."""

import json
import shutil

import pytest
import torch

import vae
from tests.cli.command import TINY, call
from tests.cli.test_conditional_runs import pictures, weights
from vae.cli import app

COMMON = [*TINY[3:], "data=array", "logger=csv", "scheduler=constant", "threads=1"]
COMMON += ["likelihood=bernoulli", "model.latent_dim=2"]
FEW = ["model=m2", "model.classifier.hidden=[8]", "model.num_features=8", "data.labelled=6"]
FIRST = ["model=mlp", "model.encoder.hidden=[8]", "test=false"]


@pytest.fixture
def train(monkeypatch, capsys, tmp_path):
    path = pictures(tmp_path)

    def run(folder, *arguments):
        place = f"hydra.run.dir='{tmp_path / folder}'"
        return call(monkeypatch, capsys, tmp_path, *COMMON, path, *arguments, place)

    return run


def test_a_checkpoint_of_both_stages_is_whole_by_itself(train, monkeypatch, capsys, tmp_path):
    assert train("m1", *FIRST)[0] == 0
    own = [*FEW, f"model.m1='{tmp_path / 'm1'}'"]
    first = weights(tmp_path / "m1")
    for folder, epochs in (("whole", 2), ("half", 1)):
        status, out, err = train(folder, *own, f"trainer.max_epochs={epochs}")
        assert status == 0, err
        assert 'given={"label": 0}' in out
    shutil.rmtree(tmp_path / "m1")
    again = [f"resume='{tmp_path / 'half'}'", "trainer.max_epochs=2", "test=false"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *again)
    assert status == 0, err
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "half")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for name, value in first.items():  # M1 stays as it was trained
        assert torch.equal(ours[name.replace("model.", "model.m1.", 1)], value)
    model = vae.load(tmp_path / "whole")
    assert model.sample(5, given={"label": 2}).shape == (5, 1, 9, 9)
    assert model.predict(torch.zeros(2, 1, 9, 9)).probs.shape == (2, 3)
    metrics = json.loads((tmp_path / "whole" / "metrics.json").read_text())["classification"]
    assert metrics["protocol"]["training labels"] == 6
    assert 0 <= metrics["figures"]["accuracy"] <= 1
    assert (tmp_path / "whole" / "pictures" / "samples_by_label.png").exists()
    header = (tmp_path / "whole" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"val/accuracy", "val/objective/classification", "objective/labelled_kl"} <= {*header}
    stage = ["stage=prior", f"checkpoint='{tmp_path / 'whole'}'", "prior=normal"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *stage, "hydra.run.dir=refused")
    assert status == 2, err
    assert "codes of x alone; M2 learns from label" in err
    evaluation = [f"checkpoint='{tmp_path / 'whole'}'", "report=full", "device=cpu"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *evaluation, command=app.evaluate)
    assert status == 0, err


WRONG = {
    "another objective": ([*FEW, "objective=elbo"], "M2 learns from label, which ELBO does not"),
    "too few labels": ([*FEW, "data.labelled=2"], "one label for each of the 3 classes"),
    "a conditional VAE": (
        [*FIRST, "data.labelled=6", "model.condition=[label]"],
        "data.labelled=6 leaves examples without the label that VAE reads of each: use model=m2",
    ),
    "no labels": ([*FEW, "data.label_key=none"], "data digits have no labels to keep 6 of"),
    "no M1": ([*FEW, "model.m1=nowhere"], "model.m1: no checkpoint at nowhere"),
    "a prior of q(z|x)": ([*FEW, "prior=vamp"], "no q that reads x alone: use prior="),
    "no VAE": ([*FIRST, "objective=semi_supervised"], "needs a model of a class"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_slip_is_told_in_a_sentence(train, name):
    arguments, told = WRONG[name]
    status, _, err = train("run", *arguments)
    assert status == 2, err
    assert told in err
