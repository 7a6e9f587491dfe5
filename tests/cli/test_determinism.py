"""Two runs on one machine are the same bit for bit, and today's figures are yesterday's."""

import json
import os

import pytest
import torch

from tests.cli.command import CONV, TINY, array, call, start
from tests.training.runs import same

SPRITES = [
    *CONV,
    "trainer.max_epochs=2",
    "logger=none",
    "callbacks.pictures.columns=1",
    "threads=1",
]
MLP = [*TINY, "logger=none"]
GOLDEN = {
    "val/elbo": -905.24561,
    "elbo": -884.94815,
    "log_likelihood": -884.81602,
    "kl": 0.13213363,
    "nll": 872.50378,
    "effective_sample_size": 1.0922672,
}


@pytest.fixture
def any_operation():
    """Allow again what a deterministic run in this process has forbidden."""
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    if workspace is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def test_the_setting_reaches_torch(monkeypatch, capsys, tmp_path, any_operation):
    quick = [*MLP, array(tmp_path), "test=false"]
    for value in (True, False):
        place = f"hydra.run.dir='{tmp_path / str(value)}'"
        arguments = [*quick, f"deterministic={str(value).lower()}", place]
        status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
        assert torch.are_deterministic_algorithms_enabled() == value, message
        assert status == 0
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    status, _, message = call(monkeypatch, capsys, tmp_path, *quick, "deterministic=1")
    assert (status, "deterministic must be true or false; got 1" in message) == (2, True)


def trained_twice(train, tmp_path, *arguments):
    """Return what two runs save, one after the other in the same place."""
    folder, saved = tmp_path / "run", []
    for attempt in ("first", "second"):
        status, told = train(*arguments, "deterministic=true", f"hydra.run.dir='{folder}'")
        assert status == 0, told
        files = {name: folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last")}
        saved.append({k: torch.load(v, weights_only=True) for k, v in files.items()})
        folder.rename(tmp_path / attempt)
    return saved


def test_two_deterministic_runs_save_the_same_bits(monkeypatch, capsys, tmp_path, any_operation):
    def train(*arguments):
        return call(monkeypatch, capsys, tmp_path, *arguments)[::2]

    first, second = trained_twice(train, tmp_path, *MLP, array(tmp_path), "test=false")
    assert first["last"]["global_step"] > 5
    assert same(first, second)


@pytest.mark.slow
def test_two_processes_save_the_same_bits(tmp_path):
    def train(*arguments):
        done = start("train.py", *arguments, folder=tmp_path)
        return done.returncode, done.stderr

    first, second = trained_twice(train, tmp_path, *SPRITES, "test=false")
    assert first["last"]["global_step"] > 5
    assert same(first, second)


def test_the_figures_are_those_of_yesterday(monkeypatch, capsys, tmp_path):
    """A change in the order of data, the noise or the first weights moves the KL by percents.

    Where one is meant, renew them: ``python train.py`` with the arguments in `SPRITES`, and copy
    the figures from ``metrics.json`` and the best validation figure. Processors differ in their
    last digits, by about 1e-6.
    """
    status, _, message = call(monkeypatch, capsys, tmp_path, *SPRITES)
    assert status == 0, message
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())["bound"]["figures"]
    best = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    keeper = next(v for k, v in best["callbacks"].items() if "Checkpoint" in k)
    figures["val/elbo"] = float(keeper["best_model_score"])
    assert {name: figures[name] for name in GOLDEN} == pytest.approx(GOLDEN, rel=1e-4)
