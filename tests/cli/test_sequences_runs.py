"""Models of sequences from the command line: trained, sampled from one file, resumed, evaluated."""

import json

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import TINY, call
from tests.cli.test_conditional_runs import weights
from vae.cli import app

COMMON = [*TINY[3:], "data=array", "logger=csv", "scheduler=constant", "threads=1"]
COMMON += ["likelihood=bernoulli", "model.latent_dim=2", "model.rnn_dim=6"]
COMMON += ["data.data_key=x", "data.fields={length: length}"]
MODELS = {
    "dmm": ["model=dmm", "model.transition_dim=5", "objective=iwae", "estimator=dreg"],
    "vrnn": ["model=vrnn", "model.features.hidden=[5]", "model.num_features=4", "objective=fivo"],
    "rnn_vae": ["model=rnn_vae", "model.word_dropout=0.3", "posterior=full_normal"],
}


@pytest.fixture
def train(monkeypatch, capsys, tmp_path):
    noise = np.random.default_rng(0)
    x = (noise.random((60, 6, 3)) < 0.4).astype(np.uint8)
    length = noise.integers(1, 7, size=60)
    np.savez(tmp_path / "songs.npz", x=x, length=length)

    def run(folder, *arguments):
        place = f"hydra.run.dir='{tmp_path / folder}'"
        path = f"data.path='{tmp_path / 'songs.npz'}'"
        return call(monkeypatch, capsys, tmp_path, *COMMON, path, *arguments, place)

    return run


@pytest.mark.parametrize("name", MODELS)
def test_a_run_a_resume_and_what_one_file_gives(name, train, monkeypatch, capsys, tmp_path):
    for folder, epochs in (("whole", 2), ("half", 1)):
        status, _, err = train(folder, *MODELS[name], f"trainer.max_epochs={epochs}")
        assert status == 0, err
    again = [f"resume='{tmp_path / 'half'}'", "trainer.max_epochs=2", "test=false"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *again)
    assert status == 0, err
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "half")
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    model = vae.load(tmp_path / "whole")
    assert model.sample(5).shape == (5, 6, 3)
    batch = {"x": torch.zeros(2, 4, 3), "length": torch.tensor([4, 2])}
    assert model.continued(batch, 3, num_samples=2).shape == (2, 2, 3, 3)
    header = (tmp_path / "whole" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert not any("z.0" in column for column in header)
    assert json.loads((tmp_path / "whole" / "metrics.json").read_text())


@pytest.mark.slow
def test_a_full_report_names_a_chain_once(train, monkeypatch, capsys, tmp_path):
    status, _, err = train("run", *MODELS["vrnn"], "test=false")
    assert status == 0, err
    evaluation = [f"checkpoint='{tmp_path / 'run'}'", "report=full", "device=cpu"]
    status, out, err = call(monkeypatch, capsys, tmp_path, *evaluation, command=app.evaluate)
    assert status == 0, err
    assert (tmp_path / "run" / "eval" / "report.html").exists()
    assert "z.0" not in out
    assert "z.0" not in (tmp_path / "run" / "eval" / "metrics.json").read_text()
