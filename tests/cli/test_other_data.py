"""Data that are exchanged between the end of a run and what goes on from it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.command import TINY, array, call
from vae.cli import app


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """The folder of a run of an epoch, and what calls a command there."""
    arguments = [*TINY, array(tmp_path), "test=false"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message

    def command(*arguments, command=app.train):
        return call(monkeypatch, capsys, tmp_path, *arguments, command=command)

    return tmp_path / "run", command


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.ckpt")}


def exchange(folder):
    np.save(folder / "vectors.npy", np.load(folder / "vectors.npy")[::-1] + 1)


def test_a_run_does_not_go_on_with_other_data(run, tmp_path):
    folder, command = run
    before, vectors = files(folder), (tmp_path / "vectors.npy").read_bytes()
    exchange(tmp_path)
    further = [f"resume='{folder}'", "trainer.max_epochs=2"]
    status, _, message = command(*further)
    assert status == 2
    assert "the part train holds other values" in message
    assert "init=" in message
    assert message.count("\n") == 1
    assert files(folder) == before
    status, _, message = command(*TINY, array(tmp_path), f"init='{folder}'", "test=false",
                                 f"hydra.run.dir='{tmp_path / 'new'}'")  # fmt: skip
    assert status == 0, message
    (tmp_path / "vectors.npy").write_bytes(vectors)
    assert command(*further)[0] == 0


def test_a_checkpoint_from_before_is_gone_on_from(run, tmp_path):
    folder, command = run
    for path in (folder / "checkpoints").glob("*.ckpt"):
        checkpoint = torch.load(path, weights_only=True)
        del checkpoint["DataModule"]
        torch.save(checkpoint, path)
    exchange(tmp_path)
    assert command(f"resume='{folder}'", "trainer.max_epochs=2")[0] == 0


def test_an_evaluation_notes_that_the_data_are_others(run, tmp_path):
    folder, command = run
    checkpoint = [f"checkpoint='{folder}'", "test_samples=2", "report=[bound]"]
    told = "the part train holds other values"
    status, _, message = command(*checkpoint, command=app.evaluate)
    assert (status, told in message) == (0, False)
    exchange(tmp_path)
    status, _, message = command(*checkpoint, command=app.evaluate)
    assert (status, told in message) == (0, True)
    metrics = json.loads((folder / "eval" / "metrics.json").read_text())
    assert metrics["protocol"]["data"]["not the training data"] == told
