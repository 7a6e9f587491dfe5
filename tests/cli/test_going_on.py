"""The printed command that goes on with a run does so, whatever ended it; and what may change."""

import ast
import os
import re
import shlex
import signal

import lightning.pytorch as pl
import pytest
import torch

from tests.cli.command import TINY, array, call
from vae.cli.overrides import hydra_quoted
from vae.training import callbacks

QUIET = ["test=false", "logger=none", "~callbacks.pictures", "group_size=3"]


def steps_of(folder):
    """Return how many steps a run has done."""
    path = folder / "run" / "checkpoints" / "last.ckpt"
    return torch.load(path, weights_only=True)["global_step"]


def printed(told):
    """Return the arguments of the command that a run printed to go on."""
    lines = [line for line in told.splitlines() if line.startswith(("go on ", "go on from"))]
    words = shlex.split(lines[-1][lines[-1].index("python") :])
    assert words[:2] == ["python", "train.py"]
    return words[2:]


ENDS = {  # how a run of 8 steps an epoch ends, and what its command raises
    "epochs": (["trainer.max_epochs=1"], ["trainer.max_epochs=2"], 16),
    "steps": (["trainer.max_epochs=null", "trainer.max_steps=5"], ["trainer.max_steps=10"], 10),
    "steps before epochs": (
        ["trainer.max_epochs=2", "trainer.max_steps=5"],
        ["trainer.max_steps=10"],
        10,
    ),
    "both": (
        ["trainer.max_epochs=1", "trainer.max_steps=8"],
        ["trainer.max_epochs=2", "trainer.max_steps=16"],
        16,
    ),
    "no better figure": (
        ["trainer.max_epochs=9", "callbacks=[default,early_stopping]", "optimizer.lr=1e-30"],
        ["callbacks.early_stopping.patience=4"],
        40,
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_printed_command_goes_on(monkeypatch, capsys, tmp_path, name):
    given, expected, steps = ENDS[name]
    arguments = [*TINY, array(tmp_path), *QUIET, *given]
    if name == "no better figure":
        arguments.append("callbacks.early_stopping.patience=2")
    status, told, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    assert ("ended early in epoch 3: no better val/elbo in 2" in " ".join(told.split())) == (
        name == "no better figure"
    )
    resume, *settings = printed(told)
    assert settings == expected
    before = steps_of(tmp_path)
    status, again, message = call(monkeypatch, capsys, tmp_path, resume)
    assert (status, f"the run has ended already, at step {before}" in message) == (2, True)
    record = tmp_path / "run" / ".hydra" / "overrides.yaml"
    recorded = record.read_text()
    assert call(monkeypatch, capsys, tmp_path, resume, "skip_limit=7")[0] == 2
    assert record.read_text() == recorded
    assert "trained" not in again
    status, told, message = call(monkeypatch, capsys, tmp_path, resume, *settings)
    assert status == 0, message
    assert steps_of(tmp_path) == steps
    assert printed(told)[1:] != settings  # it ends later, as its command says


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


class Send(callbacks.Latents):
    """Sends a signal at the end of a validation."""

    epoch = 0

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_command_of_a_run_that_a_signal_ended_goes_on(monkeypatch, capsys, tmp_path, epoch):
    """In its midst with the settings it has; at its end, with more epochs; in any folder."""
    folder = tmp_path / "a b=c'd\\e\"[f]$g" / "h\\"
    monkeypatch.setattr(callbacks, "Latents", Send)
    monkeypatch.setattr(Send, "epoch", epoch)
    arguments = [*TINY, array(tmp_path), *QUIET, "trainer.max_epochs=2"]
    place = f"hydra.run.dir={hydra_quoted(folder)}"
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, place)
    assert status == 143
    assert re.match(f"SIGTERM: saved at step {8 * (epoch + 1)} in ", message)
    words = printed(message)
    assert words[1:] == ([] if epoch == 0 else ["trainer.max_epochs=4"])
    monkeypatch.setattr(Send, "epoch", -1)
    status, told, message = call(monkeypatch, capsys, tmp_path, *words)
    assert status == 0, message
    assert "trained 16 steps" in told or "trained 32 steps" in told
    (sample,) = (line for line in told.splitlines() if line.startswith("sample "))
    path = folder.relative_to(tmp_path) / "checkpoints" / "best.ckpt"
    texts = [node.value for node in ast.walk(ast.parse(shlex.split(sample)[-1])) if is_text(node)]
    assert texts == [str(path)]


KEPT = {  # settings that a resumed run would record without effect, or for another figure
    "optimizer.lr=0.5": "optimizer.lr=0.002, this run has optimizer.lr=0.5",
    "optimizer=sgd": "optimizer._target_=torch.optim.AdamW, this run has",
    "scheduler=constant": "scheduler._target_=vae.training.OneCycle, this run has",
    "objective.beta=4": "objective.beta=1.0, this run has objective.beta=4",
    "+schedule@objective.beta=linear": "objective.beta",
    "seed=5": "seed=0, this run has seed=5",
    "accumulate=2": "accumulate=1, this run has accumulate=2",
    "lr_batch=64": "lr_batch=None, this run has lr_batch=64",
    "init=run": "init=None, this run has init=run",
    "data.batch_size=4": "data.batch_size=8, this run has data.batch_size=4",
    "data.val_size=5": "data.val_size=None, this run has data.val_size=5",
    "callbacks=[default,ema]": "callbacks.ema._target_=None, this run has",
    "model.latent_dim=2": "model.latent_dim=3, this run has model.latent_dim=2: a resumed",
    "prior=normal": "prior._target_=vae.priors.StandardNormal, this run has prior._target_=vae."
    "priors.LearnedNormal: a resumed run keeps that. To fit another prior to the trained model, "
    "give stage=prior checkpoint=",
    "penalty=mmd": "penalty=[], this run has penalty=['mmd']",
}
FREE = [
    "gradient_clip=1", "skip_limit=3", "group_size=2", "data.eval_batch_size=7", "monitor=val/loss",
    "callbacks.checkpoint.minutes=3", "data.on_device=false", "trainer.check_val_every_n_epoch=2",
    "matmul_precision=high",
]  # fmt: skip


def test_a_resumed_run_takes_a_setting_or_refuses_it_by_name(monkeypatch, capsys, tmp_path):
    arguments = [*TINY, array(tmp_path), *QUIET]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    resume = [f"resume='{tmp_path / 'run'}'", "trainer.max_epochs=3"]
    for setting, told in KEPT.items():
        status, _, message = call(monkeypatch, capsys, tmp_path, *resume, setting)
        assert (status, message.count("\n")) == (2, 1), (setting, message)
        assert f"was trained with {told}" in message, setting
    status, _, message = call(monkeypatch, capsys, tmp_path, *resume, *FREE)
    assert status == 0, message
    config = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    config = config["hyper_parameters"]["config"]
    assert (config["gradient_clip"], config["group_size"], config["monitor"]) == (1, 2, "val/loss")
