"""Relative paths of the data: a run is evaluated and gone on with from another folder."""

import shutil

import numpy as np
import pytest
import yaml

from tests.cli.command import TINY, array, call
from vae.cli import app
from vae.saved import read_saved

OVERRIDES = [*TINY, "data.path=vectors.npy", "data.labels=sub/y.npy", "test=false"]


@pytest.fixture
def trained(monkeypatch, capsys, tmp_path):
    """A run in ``here`` on files that it names by relative paths; and a folder ``there``."""
    here, there = tmp_path / "my files", tmp_path / "there"
    (here / "sub").mkdir(parents=True)
    there.mkdir()
    array(here)
    np.save(here / "sub" / "y.npy", np.arange(80) % 3)
    status, _, message = call(monkeypatch, capsys, here, *OVERRIDES)
    assert status == 0, message
    return here, there


def best(here):
    return here / "run" / "checkpoints" / "best.ckpt"


def quoted(name, path):
    text = str(path).replace("'", "\\'")
    return f"{name}='{text}'"


def test_what_is_recorded_holds_absolute_paths(trained):
    here, _ = trained
    recorded = yaml.safe_load((here / "run" / ".hydra" / "config.yaml").read_text())["data"]
    saved = read_saved(best(here)).config["data"]
    for data in (recorded, saved):
        assert data["path"] == str(here / "vectors.npy")
        assert data["labels"] == str(here / "sub" / "y.npy")
    assert saved["source"]["path"] == saved["path"]


def test_another_folder_finds_the_data(monkeypatch, capsys, trained):
    here, there = trained
    checkpoint = quoted("checkpoint", best(here))
    status, _, message = call(monkeypatch, capsys, there, checkpoint, command=app.evaluate)
    assert status == 0, message
    resume = quoted("resume", here / "run")
    status, out, message = call(monkeypatch, capsys, there, resume, "trainer.max_epochs=2")
    assert status == 0, message
    assert "going on from" in out


def test_data_that_moved_are_asked_for_by_the_setting_that_names_them(monkeypatch, capsys, trained):
    here, there = trained
    for name in ("vectors.npy", "sub/y.npy"):
        shutil.move(here / name, there)
    checkpoint = quoted("checkpoint", best(here))
    status, _, message = call(monkeypatch, capsys, there, checkpoint, command=app.evaluate)
    assert status == 2
    assert "vectors.npy is no file" in message
    assert "If the data" in message
    assert message.endswith("+data.path=<where>\n")
    moved = ["+data.path=vectors.npy", "+data.labels=y.npy"]
    status, _, message = call(monkeypatch, capsys, there, checkpoint, *moved, command=app.evaluate)
    assert status == 0, message
    swapped = [checkpoint, "+data.root=vectors.npy"]
    status, _, message = call(monkeypatch, capsys, there, *swapped, command=app.evaluate)
    assert "data.root is not a setting of this run; did you mean +data.path?" in message
