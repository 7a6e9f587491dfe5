"""Neural processes from the command line: a report, a file that is whole, an exact resume."""

import json

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import call
from tests.cli.test_conditional_runs import weights
from tests.docs.test_running import FEW as OF_REPORT

KINDS = ("neural_process", "conditional_neural_process", "attentive_neural_process")
TINY = ["model.num_features=8", "model.encoder.hidden=[8]", "model.decoder.hidden=[8]"]
TINY += ["trainer=cpu", "trainer.max_epochs=1", "data.batch_size=16", "logger=none", "threads=1"]
CURVES = ["data=gp_curves", "data.size=80", "data.points=14", "scheduler=constant"]


def columns(folder):
    """Write functions of one's own, of which some points do not exist."""
    random = np.random.default_rng(0)
    t, valid = random.uniform(0, 500, (80, 14)), random.random((80, 14)) < 0.8
    np.savez(folder / "own.npz", y=np.sin(t / 50)[:, None], t=t, valid=valid)
    fields = "data.fields={at: t, mask: valid}"
    path = f"data.path='{folder / 'own.npz'}'"
    return ["data=array", path, "data.data_key=y", "data.channels=first", fields]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_with_completions(kind, monkeypatch, capsys, tmp_path):
    given = [f"model={kind}", *TINY, *CURVES, "report=full", *OF_REPORT]
    status, out, err = call(monkeypatch, capsys, tmp_path, *given)
    assert status == 0, err
    assert 'given={"at": torch.zeros(64, 1, 14)}' in out
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(found["completions"]["figures"]) >= {"exact_10", "gap_10", "log_likelihood_10"}
    assert found["bound"]["figures"]["elbo"] < 0
    model = vae.load(tmp_path / "run")
    at = torch.linspace(-2, 2, 30).expand(5, 1, -1)
    assert model.sample(5, given={"at": at}).shape == (5, 1, 30)
    known = torch.arange(30).expand(5, -1) < 4
    assert model.predict({"at": at, "x": at.sin(), "context": known}).stddev.min() > 0


@pytest.mark.slow
def test_functions_of_ones_own_resume_to_the_last_bit(monkeypatch, capsys, tmp_path):
    own = ["model=attentive_neural_process", *TINY, *columns(tmp_path)]
    own += ["scheduler=constant", "test=false"]
    for folder, epochs in (("whole", 2), ("half", 1)):
        more = [f"trainer.max_epochs={epochs}", f"hydra.run.dir='{tmp_path / folder}'"]
        status, _, err = call(monkeypatch, capsys, tmp_path, *own, *more)
        assert status == 0, err
    again = [f"resume='{tmp_path / 'half'}'", "trainer.max_epochs=2"]
    assert call(monkeypatch, capsys, tmp_path, *again)[0] == 0
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "half")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    model = vae.load(tmp_path / "whole")
    assert model.fields == ("x", "at", "mask")
    assert (model.positions.shift - 250).abs() < 20


@pytest.mark.slow
def test_pictures_are_functions_of_their_places(monkeypatch, capsys, tmp_path):
    given = ["data=sprites", "data.size=60", "model=conditional_neural_process", *TINY]
    status, out, err = call(monkeypatch, capsys, tmp_path, *given, "report=[completions,gallery]")
    assert status == 0, err
    assert "sample(64).shape" in out
    assert vae.load(tmp_path / "run").sample(2).shape == (2, 1, 64, 64)
