"""A run's folder: taken into use, recorded in, and left as it was where the run is refused."""

import shutil
import sys
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from tests.cli.command import TINY, array, call, prepare
from vae.cli import app
from vae.files import check_links
from vae.training import callbacks

OVERRIDES = ".hydra/overrides.yaml"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("first")
    prepare(folder, *TINY, array(folder), "test=false", "logger=none")
    return folder / "run"


@pytest.fixture
def trained(first, tmp_path):
    """The run, for one test."""
    return shutil.copytree(first, tmp_path / "run")


def content(folder):
    """Return every file below a folder, and when one was made or removed in ``checkpoints``."""
    kept = folder / "checkpoints"
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {**files, kept: kept.stat().st_mtime_ns if kept.is_dir() else 0}


@pytest.mark.parametrize("carry", [shutil.move, shutil.copytree])
def test_a_run_in_another_place_keeps_its_best(monkeypatch, capsys, trained, carry):
    folder, there = trained.parent, trained.parent / "there"
    carry(trained, there)
    before = content(trained)
    best = there / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(best, weights_only=True)
    checkpoint["callbacks"]["Checkpoints"]["best_model_score"] = torch.tensor(1e9)
    torch.save(checkpoint, best)
    written = best.read_bytes()
    resume = [f"resume='{there}'", "trainer.max_epochs=2"]
    status, told, message = call(monkeypatch, capsys, folder, *resume)
    assert status == 0, message
    assert best.read_bytes() == written
    assert "best.ckpt by val/elbo 1000000000.000" in told
    assert content(trained) == before
    assert trained.exists() == (carry is shutil.copytree)


REFUSED = {
    "a setting that is kept": ["optimizer.lr=0.5"],
    "a setting that is wrong": ["test_samples=0"],
    "data that are missing": ["data.path=nowhere.npy"],
    "a figure that is not measured": ["monitor=val/nothing"],
    "no step that is left": ["logger=tensorboard"],
}


def test_a_refused_resume_changes_nothing(monkeypatch, capsys, trained):
    before, resume = content(trained), f"resume='{trained}'"
    for name, arguments in REFUSED.items():
        status, _, message = call(monkeypatch, capsys, trained.parent, resume, *arguments)
        assert status == 2, name
        assert content(trained) == before, name
    given = [resume, "trainer.max_epochs=2", "data.eval_batch_size=9"]
    status, _, message = call(monkeypatch, capsys, trained.parent, *given)
    assert status == 0, message
    assert "data.eval_batch_size=9" in (trained / OVERRIDES).read_text()


def test_a_new_run_does_not_replace_a_finished_one(monkeypatch, capsys, trained):
    before = content(trained / "checkpoints")
    arguments = [*TINY, array(trained.parent), "seed=1"]
    status, _, message = call(monkeypatch, capsys, trained.parent, *arguments)
    assert (status, message.count("\n")) == (2, 1)
    assert f"{trained} holds the checkpoints of a run (best.ckpt, last.ckpt)" in message
    assert "resume=" in message
    assert "hydra.run.dir=" in message
    assert content(trained / "checkpoints") == before


LINKED = ("checkpoints", "pictures", ".hydra", "report.html", "metrics.json", "eval", "lock")


@pytest.mark.parametrize("name", LINKED)
def test_nothing_is_written_through_a_link_that_leads_out(monkeypatch, capsys, trained, name):
    """A stranger's folder is gone on with, evaluated and trained in."""
    folder, outside = trained.parent, trained.parent / "outside"
    place = trained / (".hydra/lock" if name == "lock" else name)
    if place.exists():
        shutil.move(place, outside)
    elif "." in name:
        outside.write_text("mine")
    else:
        outside.mkdir()
        (outside / "mine.txt").write_text("mine")
    place.symlink_to("../" * (1 + (name == "lock")) + "outside")
    before = content(outside) if outside.is_dir() else outside.read_bytes()
    wanted = [(app.train, [f"resume='{trained}'", "trainer.max_epochs=2"])]
    wanted.append((app.train, [*TINY, array(folder)]))
    wanted.append((app.evaluate, [f"checkpoint='{trained / 'checkpoints' / 'best.ckpt'}'"]))
    for command, arguments in wanted:
        status, _, message = call(monkeypatch, capsys, folder, *arguments, command=command)
        assert (status, message.count("\n")) == (2, 1)
        assert f"{place} is a link to " in message
    assert before == (content(outside) if outside.is_dir() else outside.read_bytes())


def test_links_that_stay_inside_and_a_folder_that_is_a_link_are_allowed(tmp_path):
    real, given = tmp_path / "real", tmp_path / "given"
    (real / "checkpoints").mkdir(parents=True)
    (real / "checkpoints" / "newest.ckpt").symlink_to("last.ckpt")
    (real / "weights").symlink_to(real / "checkpoints")
    given.symlink_to(real)
    check_links(given)
    check_links(real)
    check_links(tmp_path / "none")
    (real / "checkpoints" / "out.ckpt").symlink_to("../../victim")
    with pytest.raises(ValueError, match=r"out.ckpt is a link to \.\./\.\./victim, out of the"):
        check_links(given)


UNSTARTED = {
    "a setting": (["model.latent_dim=-3"], 2),
    "a sum of settings": (["accumulate=1000"], 2),
    "a resume": (["resume=nowhere"], 2),
    "data": (["data.path=nowhere.npy"], 2),
    "a sweep": (["-m", "seed=-1,-2"], 2),
}


def test_a_failed_start_leaves_no_folder(monkeypatch, capsys, tmp_path):
    data = array(tmp_path)
    (tmp_path / "empty").mkdir()
    before = {"empty", "vectors.npy"}
    for place in ([], ["hydra.run.dir=empty"], ["hydra.run.dir=runs/a/b"]):
        for name, (arguments, expected) in UNSTARTED.items():
            given = [*TINY, data, *place, *arguments]
            monkeypatch.setattr(sys, "argv", ["train.py", *given])
            monkeypatch.chdir(tmp_path)
            with pytest.raises(SystemExit) as end:
                app.train()
            assert end.value.code == expected, (name, capsys.readouterr().err)
            assert {path.name for path in tmp_path.iterdir()} == before, (name, place)
            assert not list((tmp_path / "empty").iterdir()), (name, place)


class Removes(callbacks.Latents):
    """Takes the run's folder away during a validation."""

    deed = staticmethod(shutil.rmtree)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.deed("run")


@pytest.mark.parametrize("deed", [shutil.rmtree, lambda run: Path(run).rename("moved")])
def test_a_folder_that_goes_while_the_run_writes_to_it(monkeypatch, capsys, tmp_path, deed):
    monkeypatch.setattr(callbacks, "Latents", Removes)
    monkeypatch.setattr(Removes, "deed", staticmethod(deed))
    arguments = [*TINY, array(tmp_path), "logger=none"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    run = tmp_path / "run"
    told = f"error: {run} is gone: it was removed or moved while the run wrote to it\n"
    assert (status, message) == (1, told)
    assert not list(run.rglob("*.ckpt"))
