"""A signal ends a run between two steps, with a checkpoint from which nothing is lost."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from tests.training.runs import make_run, make_trainer, same
from vae.interruption import Interrupted, Signals
from vae.training.callbacks import Checkpoints
from vae.training.storage import DurableCheckpoints

ROOT = Path(__file__).parents[2]
EPOCHS, STEPS = 3, 7
ENDS = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138}


class Sender(pl.Callback):
    """Sends signals to this process at some moment of the second epoch."""

    def __init__(self, moment, *numbers, batch=2):
        self.moment, self.numbers, self.batch = moment, numbers, batch

    def send(self, trainer, moment, batch_idx):
        if (trainer.current_epoch, moment, batch_idx) == (1, self.moment, self.batch):
            for number in self.numbers:
                os.kill(os.getpid(), number)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.send(trainer, "step", batch_idx)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.send(trainer, "validation", batch_idx)


def run(folder, *callbacks, overrides=(), checkpoint=None, **options):
    module, data = make_run(folder, "scheduler=one_cycle", *overrides)
    keeper = Checkpoints(str(folder), monitor="val/elbo")
    options = {"plugins": [DurableCheckpoints()], **options}
    trainer = make_trainer(folder, keeper, *callbacks, epochs=EPOCHS, **options)
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    trainer.save_checkpoint(folder / "end.ckpt")
    state = torch.load(folder / "end.ckpt", weights_only=True)
    return {k: state[k] for k in ("state_dict", "optimizer_states", "lr_schedulers", "global_step")}


def interrupted(folder, sender, **options):
    before = [signal.getsignal(number) for number in ENDS]
    with pytest.raises(Interrupted) as end:
        run(folder, sender, **options)
    assert [signal.getsignal(number) for number in ENDS] == before
    return end.value


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize(
    ("moment", "batch", "step"),
    [("step", 2, STEPS + 3), ("step", STEPS - 1, 2 * STEPS), ("validation", 1, 2 * STEPS)],
)
def test_a_signal_ends_the_run_with_a_checkpoint(tmp_path, number, moment, batch, step):
    end = interrupted(tmp_path, Sender(moment, number, batch=batch))
    assert end.status == ENDS[number]
    assert str(end).startswith(f"{number.name}: saved at step {step} in ")
    checkpoint = tmp_path / "last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == step
    assert same(run(tmp_path, checkpoint=checkpoint), run(tmp_path))


def test_a_hangup_that_nohup_has_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = Signals()
    signals.install()
    try:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signals.note
    finally:
        signals.restore()
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("group_size", [1, 3])
def test_it_waits_for_the_end_of_an_accumulation(tmp_path, group_size):
    overrides = ["accumulate=2", f"group_size={group_size}"]
    interrupted(tmp_path, Sender("step", signal.SIGTERM, batch=0), overrides=overrides)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["global_step"] == STEPS // 2 + group_size  # one pair, or two groups of three
    resumed = run(tmp_path, overrides=overrides, checkpoint=tmp_path / "last.ckpt")
    assert same(resumed, run(tmp_path, overrides=overrides))


def test_a_second_sigint_stops_at_once(tmp_path):
    end = interrupted(tmp_path, Sender("step", signal.SIGINT, signal.SIGINT))
    assert str(end) == "stopped at once"
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == STEPS


@pytest.mark.parametrize("refused", [False, True])
def test_under_slurm_sigusr1_requeues_the_job(tmp_path, monkeypatch, refused):
    command, log = tmp_path / "scontrol", tmp_path / "log"
    answer = "echo no such job >&2; exit 1" if refused else "exit 0"
    command.write_text(f'#!/bin/sh\necho "$@" > {log}\n{answer}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "16")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    sender = Sender("step", signal.SIGUSR1)
    if refused:
        with pytest.raises(OSError, match="saved, but scontrol requeue 16_3 failed: no such job"):
            run(tmp_path, sender)
    else:
        assert interrupted(tmp_path, sender).status == 138
    assert log.read_text() == "requeue 16_3\n"
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == STEPS + 3


def test_time_passes_and_the_state_is_saved(tmp_path):
    saved = []

    class Count(DurableCheckpoints):
        def save_checkpoint(self, checkpoint, path, storage_options=None):
            saved.append((Path(path).name, checkpoint["global_step"]))
            super().save_checkpoint(checkpoint, path, storage_options)

    module, data = make_run(tmp_path)
    keeper = Checkpoints(str(tmp_path), monitor="val/elbo", minutes=1e-9)
    make_trainer(tmp_path, keeper, epochs=1, plugins=[Count()]).fit(module, data)
    last = [step for name, step in saved if name == "last.ckpt"]
    assert last == list(range(1, STEPS + 1))


@pytest.mark.parametrize("minutes", [0, -1])
def test_a_time_that_is_not_positive_is_refused(tmp_path, minutes):
    with pytest.raises(ValueError, match="minutes must be above 0 or null"):
        Checkpoints(str(tmp_path), monitor="val/elbo", minutes=minutes)


EPOCH = 320  # steps of one process, two epochs of two
SMALL = [
    "model=mlp", "model.encoder.hidden=[8]", "data.size=4000", "data.batch_size=10",
    "trainer.log_every_n_steps=5", "callbacks.progress.interval=0", "test=false", "group_size=5",
    "threads=1", "trainer.max_epochs=10000", "scheduler=constant",
    "callbacks.checkpoint.minutes=null", "callbacks=[default]", "fast=off",
]  # fmt: skip


def start(folder, *arguments):
    call = [sys.executable, str(ROOT / "train.py"), f"hydra.run.dir={folder}/run", *arguments]
    return subprocess.Popen(call, cwd=folder, stdout=-1, stderr=-2, text=True)


def await_steps(folder, process, timeout=240):
    """Wait until the first figures were logged."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        if any(p.stat().st_size > 3000 for p in folder.rglob("events.out.tfevents*")):
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate()[0])


def ending(process):
    told, _ = process.communicate(timeout=240)
    return process.returncode, told


def check_going_on(folder, *arguments):
    """Go on to the epoch's end, and compare with a run that was not interrupted."""
    saved = torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)["global_step"]
    end = (saved // EPOCH + 1) * EPOCH
    steps = f"trainer.max_steps={end}"
    status, told = ending(start(folder, f"resume={folder}/run", steps))
    assert status == 0, told
    assert f"going on from {folder}/run/checkpoints/last.ckpt, step {saved}" in told
    (folder / "whole").mkdir()
    status, told = ending(start(folder / "whole", *arguments, steps))
    assert status == 0, told
    resumed, whole = (
        torch.load(path / "run/checkpoints/last.ckpt", weights_only=True)
        for path in (folder, folder / "whole")
    )
    assert resumed["global_step"] == end
    for name in ("state_dict", "optimizer_states", "global_step", "epoch"):
        assert same(resumed[name], whole[name]), name


@pytest.mark.slow
def test_the_command_ends_with_the_status_of_the_signal_and_goes_on(tmp_path):
    arguments = [*SMALL, "trainer=cpu"]
    process = start(tmp_path, *arguments)
    await_steps(tmp_path, process)
    record = (tmp_path / "run/.hydra/overrides.yaml").read_text()
    status, told = ending(start(tmp_path, *arguments, "seed=9"))
    assert status == 2
    assert f"error: process {process.pid} on " in told
    assert (tmp_path / "run/.hydra/overrides.yaml").read_text() == record
    process.send_signal(signal.SIGTERM)
    status, told = ending(process)
    assert status == 143
    assert "SIGTERM: saved at step " in told
    assert "Traceback" not in told
    check_going_on(tmp_path, *arguments)


@pytest.mark.slow
def test_two_processes_end_at_the_same_step_though_one_got_the_signal(tmp_path):
    arguments = [*SMALL, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    process = start(tmp_path, *arguments)
    await_steps(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    status, told = ending(process)
    assert status == 143, told
    assert "SIGTERM: saved at step " in told
    check_going_on(tmp_path, *arguments)


@pytest.mark.slow
def test_a_run_whose_terminal_is_closed_saves_and_ends(tmp_path):
    """Though its live bar can be drawn no longer."""
    ours, terminal = os.openpty()
    call = [sys.executable, str(ROOT / "train.py"), f"hydra.run.dir={tmp_path}/run"]
    process = subprocess.Popen(
        ["setsid", "--ctty", *call, *SMALL, "trainer=cpu"],
        cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(terminal)
    os.set_blocking(ours, False)
    end = time.monotonic() + 240
    while not list(tmp_path.rglob("last.ckpt")) and time.monotonic() < end:
        with suppress(BlockingIOError):
            os.read(ours, 10_000)  # or else the terminal fills and the run stands still
        time.sleep(0.05)
    before = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"]
    os.close(ours)
    assert process.wait(timeout=240) == 129
    after = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"]
    assert after > before
