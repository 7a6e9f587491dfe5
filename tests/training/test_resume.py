"""A run that is killed and resumed ends with the weights of the run that was not, bit for bit."""

from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint

from tests.training.runs import make_run, make_trainer, same

EPOCHS = 3
VARIANTS = {
    "one_cycle": ["scheduler=one_cycle"],
    "warm-up": [
        "scheduler=constant",
        "+schedule@objective.beta=linear",
        "objective.beta.steps=15",
    ],
    "vamp": ["prior=vamp", "prior.num_components=4"],
    "grouped": ["group_size=3"],
    "accumulated": ["accumulate=2"],
    "adversarial": ["penalty=factor", "penalties.factor.discriminator.hidden=[8]"],
    "reparameterized twice": ["objective=iwae", "estimator=dreg", "penalty=mmd"],
}


class Killed(Exception):
    """Stands for the end of a process."""


class SaveAt(pl.Callback):
    """Saves after some optimizer steps."""

    def __init__(self, folder, *steps):
        self.folder, self.steps = folder, steps

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step in self.steps:
            trainer.save_checkpoint(self.folder / f"saved{trainer.global_step}.ckpt")


class KillAt(pl.Callback):
    """Ends a run before a group."""

    def __init__(self, epoch, group):
        self.at = (epoch, group)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == self.at:
            raise Killed


def state_of(trainer: pl.Trainer, path: Path) -> dict:
    """Return what a finished run would save, without the paths of its callbacks."""
    trainer.save_checkpoint(path, weights_only=False)
    checkpoint = torch.load(path, weights_only=True)
    kept = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch")
    return {name: checkpoint[name] for name in kept}


def finished(folder, overrides, *callbacks, checkpoint=None, **options):
    module, data = make_run(folder, *overrides)
    trainer = make_trainer(folder, *callbacks, epochs=EPOCHS, **options)
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    return state_of(trainer, folder / "end.ckpt")


def killed(folder, overrides, saver, *callbacks, at):
    with pytest.raises(Killed):
        finished(folder, overrides, saver, *callbacks, KillAt(*at))
    return sorted(folder.glob("saved*.ckpt"), key=lambda path: path.stat().st_mtime_ns)


def every_epoch(folder):
    return ModelCheckpoint(folder, filename="saved{epoch}", save_top_k=-1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_resumed_after_an_epoch(tmp_path, variant):
    whole = finished(tmp_path, VARIANTS[variant])
    paths = killed(tmp_path, VARIANTS[variant], every_epoch(tmp_path), at=(1, 1))
    assert len(paths) == 1
    resumed = finished(tmp_path, VARIANTS[variant], checkpoint=paths[-1])
    assert same(resumed, whole)


@pytest.mark.parametrize(
    "variant",
    ["one_cycle", "warm-up", "vamp", "adversarial", "reparameterized twice"],
)
def test_resumed_in_the_middle_of_an_epoch(tmp_path, variant):
    whole = finished(tmp_path, VARIANTS[variant])
    paths = killed(tmp_path, VARIANTS[variant], SaveAt(tmp_path, 3, 10), at=(1, 6))
    assert len(paths) == 2
    for path in paths:
        resumed = finished(tmp_path, VARIANTS[variant], checkpoint=path)
        assert same(resumed, whole), path.stem


def test_resumed_with_averaged_weights(tmp_path):
    overrides = ["group_size=1"]
    whole = finished(tmp_path, overrides, EMAWeightAveraging(decay=0.9))
    average = EMAWeightAveraging(decay=0.9)
    paths = killed(tmp_path, overrides, every_epoch(tmp_path), average, at=(2, 1))
    last = EMAWeightAveraging(decay=0.9)
    assert same(finished(tmp_path, overrides, last, checkpoint=paths[-1]), whole)


def test_other_data_settings_are_refused_in_the_middle_of_an_epoch(tmp_path):
    paths = killed(tmp_path, [], SaveAt(tmp_path, 3), at=(1, 1))
    with pytest.raises(ValueError, match=r"batch_size=8, this run has batch_size=4: resume with"):
        finished(tmp_path, ["data.batch_size=4"], checkpoint=paths[0])
