"""The commands, in this process and in one of their own."""

import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vae.cli import app

ROOT = Path(__file__).parents[2]
TINY = [
    "data=array",
    "model=mlp",
    "model.encoder.hidden=[8]",
    "model.latent_dim=3",
    "data.batch_size=8",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=2",
    "test_samples=2",
    "callbacks.pictures.columns=1",
    "callbacks.pictures.max_dims=1",
]
CONV = [  # 320 pictures to train on: ten steps an epoch
    "model=conv",
    "model.encoder.channels=[4,4]",
    "model.encoder.hidden=[8]",
    "model.latent_dim=3",
    "data.size=400",
    "data.batch_size=32",
    "trainer=cpu",
    "test_samples=2",
]


def array(folder: Path, *, count: int = 80, flaw: float | None = None) -> str:
    """Return the override that names an array file in the folder."""
    x = np.random.default_rng(0).normal(size=(count, 6)).astype(np.float32)
    if flaw is not None:
        x[3, 2] = flaw
    np.save(folder / "vectors.npy", x)
    return f"data.path='{folder / 'vectors.npy'}'"


def call(monkeypatch, capsys, folder: Path, *arguments: str, command=app.train):
    """Run a command here; return exit status, standard output and standard error."""
    for name in ("HYDRA_FULL_ERROR", "PYTORCH_NVML_BASED_CUDA_CHECK"):
        monkeypatch.setenv(name, "0")  # set again by the command, and restored after the test
    placed = any(a.startswith(("hydra.run.dir", "seeds=")) for a in arguments)
    place = [] if placed else [f"'{folder / 'run'}'"]
    if command is app.train:
        arguments = (*(f"hydra.run.dir={p}" for p in place), *arguments)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    status = 0
    try:
        command()
    except SystemExit as end:
        status = end.code
    told = capsys.readouterr()
    return status, told.out, told.err


def prepare(folder: Path, *arguments: str) -> None:
    """Train here for the tests of a module, whose fixture has neither monkeypatch nor capsys."""
    told = StringIO()
    capsys = SimpleNamespace(readouterr=lambda: SimpleNamespace(out="", err=told.getvalue()))
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        redirect_stdout(told),
        redirect_stderr(told),
    ):
        status, _, message = call(monkeypatch, capsys, folder, *arguments)
    assert status == 0, message


def start(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a script of the project in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, *([str(ROOT / script)] if script else []), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
