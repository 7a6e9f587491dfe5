"""Which checkpoint a run goes on from, and what it says of it."""

import resource
import shutil
import signal

import numpy as np
import pytest
import torch

from tests.cli.command import TINY, array, call, prepare
from vae.cli import app

CHECKPOINTS = "run/checkpoints"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder with a run of two epochs of eight steps."""
    folder = tmp_path_factory.mktemp("first")
    prepare(folder, *TINY, array(folder), "trainer.max_epochs=2", "test=false")
    assert {path.name for path in (folder / CHECKPOINTS).iterdir()} == {
        "best.ckpt", "last.ckpt", "previous.ckpt",
    }  # fmt: skip
    return folder


@pytest.fixture
def trained(first, tmp_path):
    """The folder, for one test."""
    return shutil.copytree(first, tmp_path, dirs_exist_ok=True)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def go_on(monkeypatch, capsys, folder, *arguments):
    arguments = [f"resume='{folder / 'run'}'", "trainer.max_epochs=3", "test=false", *arguments]
    return call(monkeypatch, capsys, folder, *arguments)


@pytest.mark.parametrize("damage", [flip, cut])
def test_the_newest_whole_checkpoint_is_taken(monkeypatch, capsys, trained, damage):
    folder = trained / CHECKPOINTS
    damage(folder / "last.ckpt")
    status, told, message = go_on(monkeypatch, capsys, trained)
    assert status == 0, message
    told = told.replace("\n", "")
    assert f"{folder}/last.ckpt is damaged" in told
    assert f"going on from {folder}/previous.ckpt" in told


def test_a_run_without_a_whole_checkpoint_is_not_begun_again(monkeypatch, capsys, trained):
    folder = trained / CHECKPOINTS
    for name in ("last.ckpt", "previous.ckpt"):
        cut(folder / name)
    status, _, message = go_on(monkeypatch, capsys, trained)
    assert status == 2
    assert f"{folder}/last.ckpt is damaged" in message
    assert f"{folder}/previous.ckpt is damaged" in message
    shutil.rmtree(folder)
    status, _, message = go_on(monkeypatch, capsys, trained)
    assert status == 2
    assert "nothing to go on from in" in message


def test_a_run_that_its_steps_end_in_mid_epoch(monkeypatch, capsys, tmp_path):
    arguments = [*TINY, array(tmp_path), "group_size=2", "trainer.max_steps=3", "test=false"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    assert "trained 3 steps" in told
    assert {path.name for path in (tmp_path / CHECKPOINTS).iterdir()} == {"best.ckpt", "last.ckpt"}
    resume = [f"resume='{tmp_path / 'run'}'", "test=false"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *resume)
    told = "the run has ended already, at step 3: to go on, give trainer.max_steps=6\n"
    assert (status, told in message) == (2, True)
    status, told, message = call(monkeypatch, capsys, tmp_path, *resume, "trainer.max_steps=6")
    assert status == 0, message
    assert "step 3" in told


@pytest.mark.parametrize("given", [[], ["likelihood=laplace"]])
def test_a_run_goes_on_with_the_likelihood_it_has(monkeypatch, capsys, tmp_path, given):
    """Whatever the default of its data set, and of its start, are by then."""
    arguments = [*TINY, array(tmp_path), "test=false"]
    before = ["likelihood=laplace", "likelihood.scale.init=1.0"]
    assert call(monkeypatch, capsys, tmp_path, *arguments, *before)[0] == 0
    record = tmp_path / "run" / ".hydra" / "overrides.yaml"
    kept = [line for line in record.read_text().splitlines() if "likelihood" not in line]
    record.write_text("\n".join(kept))
    status, _, message = go_on(monkeypatch, capsys, tmp_path, *given)
    assert status == 0, message
    status, _, message = go_on(monkeypatch, capsys, tmp_path, "likelihood=normal")
    assert (status, "was trained with likelihood." in message) == (2, True)


def test_auto_begins_or_goes_on(monkeypatch, capsys, tmp_path):
    arguments = [*TINY, array(tmp_path), "test=false", "resume=auto"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    assert "going on from" not in told
    arguments = [*arguments, "trainer.max_epochs=2"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    assert f"going on from {tmp_path}/{CHECKPOINTS}/last.ckpt" in told.replace("\n", "")


@pytest.mark.parametrize("logger", ["none", "tensorboard"])
def test_a_full_disk_ends_with_a_message_and_the_old_files(monkeypatch, capsys, trained, logger):
    """Whether the checkpoint or the log meets it first."""
    before = {p.name: p.read_bytes() for p in (trained / CHECKPOINTS).iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    smallest = min(map(len, before.values()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (smallest // 2, limits[1]))
    try:
        status, _, message = go_on(monkeypatch, capsys, trained, f"logger={logger}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert status == 1
    assert "File too large" in message or "cannot write" in message
    assert "go on from last.ckpt: python train.py resume=" in message
    assert {p.name: p.read_bytes() for p in (trained / CHECKPOINTS).iterdir()} == before


def test_an_evaluation_on_data_of_another_shape_is_refused(monkeypatch, capsys, trained):
    np.save(trained / "wider.npy", np.zeros((80, 7), dtype=np.float32))
    checkpoint = f"checkpoint='{trained / CHECKPOINTS / 'best.ckpt'}'"
    for path, status in (("vectors.npy", 0), ("wider.npy", 2)):
        other = f"+data.path='{trained / path}'"
        told = call(monkeypatch, capsys, trained, checkpoint, other, command=app.evaluate)
        assert told[0] == status, told[2]
    told_of_plus = call(monkeypatch, capsys, trained, checkpoint, other[1:], command=app.evaluate)
    assert told_of_plus[0] == 2
    assert f"are added in an evaluation: {other}" in told_of_plus[2]
    assert "(6,)" in told[2]
    assert "(7,)" in told[2]


def test_a_run_from_before_a_setting_keeps_the_net_it_has(monkeypatch, capsys, tmp_path):
    """Though null, which nobody gave, would choose another today."""
    new = ["model=conv", "data.size=80", "trainer=cpu", "trainer.max_epochs=1", "test=false"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *new, "model.encoder.patch_size=1")
    assert status == 0, message
    for path in (tmp_path / CHECKPOINTS).iterdir():
        checkpoint = torch.load(path, weights_only=True)
        model = checkpoint["hyper_parameters"]["config"]["model"]
        for part in ("encoder", "decoder"):
            del model[part]["patch_size"]
        model["decoder"]["start_at_mean"] = False  # the default of then
        torch.save(checkpoint, path)
    overrides = tmp_path / "run/.hydra/overrides.yaml"
    overrides.write_text(overrides.read_text().replace("- model.encoder.patch_size=1\n", ""))
    status, told, message = go_on(monkeypatch, capsys, tmp_path)
    assert status == 0, message
    assert "going on from" in told
    status, _, message = go_on(monkeypatch, capsys, tmp_path, "model.encoder.patch_size=2")
    assert (status, "this run has model.encoder.patch_size=2" in message) == (2, True)
    start = f"init='{tmp_path / 'run'}'"
    place = f"hydra.run.dir='{tmp_path / 'other'}'"
    status, _, message = call(monkeypatch, capsys, tmp_path, *new, start, place)
    assert (status, message.count("\n")) == (2, 1)
    assert "was trained without the setting model.encoder.patch_size, null chooses" in message
