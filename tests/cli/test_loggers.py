"""Loggers by name, several at once: each is sent the figures, the settings and the pictures."""

import csv
import json
import sqlite3
from importlib.util import find_spec

import pytest
import torch

from tests.cli.command import TINY, array, call, start
from vae.cli import settings_checks
from vae.cli.overrides import recorded_overrides
from vae.training import TableLog

QUICK = [*TINY, "test=false", "group_size=2"]
INSTALLED = [name for name in ("wandb", "mlflow") if find_spec(name)]


def rows(folder, name="run/metrics.csv"):
    """Return the rows of the table that a run leaves."""
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def column(table, name):
    """Return a figure by step."""
    return {int(row["step"]): float(row[name]) for row in table if row[name]}


def test_a_table_beside_tensorboard_goes_on_in_a_resumed_run(monkeypatch, capsys, tmp_path):
    given = [*QUICK, array(tmp_path), "logger=[tensorboard,csv]", "trainer.max_epochs=2"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *given)
    assert (status, message) == (0, "")
    first = rows(tmp_path)
    assert list(column(first, "train/elbo")) == [2, 4, 6, 8, 10, 12, 14, 16]
    assert list(column(first, "val/elbo")) == [8, 16]
    assert list(column(first, "val/best_elbo")) == [16]
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    again = [f"resume='{tmp_path / 'run'}'", "trainer.max_epochs=3"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *again)
    assert (status, message) == (0, "")
    later = rows(tmp_path)
    for name in ("train/elbo", "val/elbo"):
        before, after = column(first, name), column(later, name)
        assert list(after.items())[: len(before)] == list(before.items())
    assert list(column(later, "val/elbo")) == [8, 16, 24]
    assert list(column(later, "val/best_elbo")) == [24]
    assert column(later, "val/elbo")[24] == pytest.approx(
        torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["callbacks"][
            "History"
        ]["points"][-1][1]
    )


def test_a_table_whose_disk_is_full_says_so(tmp_path, full_disk):
    table = TableLog(str(tmp_path))

    def log():
        for step in range(100):
            table.log_metrics({"elbo": step / 3}, step)

    with pytest.raises(OSError, match=r"File too large|No space"):
        log()


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named(monkeypatch, capsys, tmp_path, name):
    monkeypatch.setattr(settings_checks, "find_spec", lambda package: None)
    given = [*QUICK, array(tmp_path), f"logger=[csv,{name}]"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *given)
    assert status == 2
    assert message == f"error: logger={name} needs a package: pip install {name}\n"


@pytest.mark.parametrize(
    "text",
    [
        "logger.wandb.offline=false",
        "~logger.wandb.offline",
        "logger.mlflow.tracking_uri=https://a.b",
        "logger.wandb={offline:false}",
        "+logger.mlflow.artifact_location=s3://a",
    ],
)
def test_a_record_does_not_send_figures_elsewhere(tmp_path, text):
    record = tmp_path / "overrides.yaml"
    record.write_text(json.dumps([text]))
    with pytest.raises(ValueError, match=r"is not taken over \(it would send figures"):
        recorded_overrides(record, [])


@pytest.mark.slow
@pytest.mark.skipif("wandb" not in INSTALLED, reason="pip install wandb")
def test_weights_and_biases_write_a_folder_in_each_job_of_a_sweep(tmp_path):
    place = f"hydra.sweep.dir='{tmp_path / 'sweep'}'"
    given = [*QUICK, array(tmp_path), "logger=wandb", place, "-m", "seed=0,1"]
    done = start("train.py", *given, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for job in ("0", "1"):
        (folder,) = (tmp_path / "sweep" / job / "wandb").glob("offline-run-*")
        (log,) = folder.glob("run-*.wandb")
        content = log.read_bytes()
        for name in (b"val/elbo", b"optimizer/learning_rate", b"model.latent_dim"):
            assert name in content
        assert len(list(folder.glob("files/media/images/pictures/*.png"))) == 3


@pytest.mark.slow
@pytest.mark.skipif("mlflow" not in INSTALLED, reason="pip install mlflow")
def test_mlflow_writes_to_a_file_in_the_working_folder(tmp_path):
    place = f"hydra.run.dir='{tmp_path / 'run'}'"
    done = start("train.py", *QUICK, array(tmp_path), "logger=mlflow", place, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    tables = sqlite3.connect(tmp_path / "mlflow.db")
    names = {name for (name,) in tables.execute("select key from metrics")}
    assert {"train/elbo", "val/elbo", "latent/active_units"} <= names
    settings = dict(tables.execute("select key, value from params"))
    assert settings["model.latent_dim"] == "3"
    assert len(list((tmp_path / "mlruns").rglob("*.png"))) == 3
