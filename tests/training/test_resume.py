"""A run that is killed and resumed ends with the weights of the run that was not, bit for bit."""

import signal
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from tests.training.runs import TRAIN, VAL, make_run, make_trainer, same
from vae.interruption import Interrupted
from vae.training.callbacks import EMA, Checkpoints, History

EPOCHS = 3
NAMES = ("best.ckpt", "last.ckpt")
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
    "preconditioned": ["optimizer=soap", "optimizer.precondition_frequency=5"],
    "adversarial": ["penalty=factor", "penalties.factor.discriminator.hidden=[8]"],
    "reparameterized twice": ["objective=iwae", "estimator=dreg", "penalty=mmd"],
    "mirrored": ["data.flip=true", "likelihood=normal_learned"],
    "binarized": ["data.binarization=dynamic", "likelihood=bernoulli"],
    "dequantized": ["data.dequantize=true", "likelihood=normal_learned"],
}


class Killed(Exception):
    """Stands for the end of a process."""


class SaveAt(Checkpoint):
    """Saves after some optimizer steps, when all other callbacks are done with them."""

    def __init__(self, folder, *steps):
        self.folder, self.steps = folder, steps

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step in self.steps and pl_module.between_steps:
            trainer.save_checkpoint(self.folder / f"saved{trainer.global_step}.ckpt")


class KillAt(pl.Callback):
    """Ends a run before a group."""

    def __init__(self, epoch, group):
        self.at = (epoch, group)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == self.at:
            raise Killed


def state_of(trainer: pl.Trainer, path: Path) -> dict:
    """Return what a finished run would save."""
    trainer.save_checkpoint(path, weights_only=False)
    return torch.load(path, weights_only=True)


def needs_pictures(overrides) -> bool:
    return any(
        o.startswith(("data.flip", "data.binarization", "data.dequantize")) for o in overrides
    )


def finished(folder, overrides, *callbacks, checkpoint=None, **options):
    if needs_pictures(overrides):
        shape = (TRAIN + VAL + 5, 1, 4, 4)
        pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        np.save(folder / "vectors.npy", pictures)
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


def test_resumed_after_an_epoch_towards_a_number_of_steps(tmp_path):
    whole = finished(tmp_path, [])
    (path,) = killed(tmp_path, [], every_epoch(tmp_path), at=(1, 1))
    resumed = finished(tmp_path, [], checkpoint=path, max_steps=whole["global_step"])
    for name in ("state_dict", "optimizer_states", "global_step", "epoch"):
        assert same(resumed[name], whole[name]), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_resumed_in_the_middle_of_an_epoch(tmp_path, variant):
    overrides = VARIANTS[variant]
    size = 3 if variant == "grouped" else 1
    steps = (1, 4) if variant == "accumulated" else (3, 10)
    whole = finished(tmp_path, overrides)
    paths = killed(tmp_path, overrides, SaveAt(tmp_path, *steps), at=(1, 6 // size))
    assert len(paths) == 2
    for path in paths:
        resumed = finished(tmp_path, overrides, checkpoint=path)
        assert same(resumed, whole), path.stem


@pytest.mark.parametrize(("middle", "size"), [(False, 1), (True, 1), (True, 3)])
def test_resumed_with_averaged_weights(tmp_path, middle, size):
    overrides = [f"group_size={size}"]
    whole = finished(tmp_path, overrides, EMA(decay=0.9))
    average = EMA(decay=0.9)
    saver = SaveAt(tmp_path, 10) if middle else every_epoch(tmp_path)
    paths = killed(tmp_path, overrides, saver, average, at=(2, 1))
    last = EMA(decay=0.9)
    assert same(finished(tmp_path, overrides, last, checkpoint=paths[-1]), whole)


@pytest.mark.parametrize(
    ("steps", "every", "size"),
    [(3, 1, 1), (10, 1, 1), (9, 2, 1), (7, 2, 1), (3, 1, 2), (12, 1, 3), (5, 1, 4), (13, 2, 4)],
)
def test_a_run_that_its_steps_end_is_gone_on_from(tmp_path, steps, every, size):
    """In mid-epoch after a validation, if it is to have one; within a group; at an epoch's end."""
    overrides = ["scheduler=constant", f"group_size={size}"]
    options = {"check_val_every_n_epoch": every}
    whole = finished(tmp_path, overrides, **options)
    keeper = Checkpoints(str(tmp_path), monitor="val/elbo")
    finished(tmp_path, overrides, keeper, max_steps=steps, **options)
    validated = steps != 7
    assert (keeper.best_model_score is not None) == validated
    assert (tmp_path / "best.ckpt").exists() == validated
    last = tmp_path / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == steps
    assert same(finished(tmp_path, overrides, checkpoint=last, **options), whole)


class StopAfter(Checkpoints):
    """Ends a run at a step, as a signal does that comes during its batch."""

    def __init__(self, folder, step):
        super().__init__(str(folder), monitor="val/elbo")
        self.at = step

    def on_train_batch_end(self, trainer, *arguments):
        self.signals.received = signal.SIGTERM if trainer.global_step == self.at else 0
        super().on_train_batch_end(trainer, *arguments)


MID_EPOCH = {  # steps with a validation: within an epoch, counted anew or through all of them
    "number": ([], {"val_check_interval": 3}, [3, 6, 10, 13, 17, 20]),
    "fraction": ([], {"val_check_interval": 0.5}, [3, 6, 10, 13, 17, 20]),
    "through": (
        [],
        {"val_check_interval": 5, "check_val_every_n_epoch": None},
        [5, 10, 15, 20],
    ),
    "second": ([], {"val_check_interval": 3, "check_val_every_n_epoch": 2}, [10, 13]),
    "averaged": ([], {"val_check_interval": 3}, [3, 6, 10, 13, 17, 20]),
    "limited": ([], {"val_check_interval": 2, "limit_train_batches": 4}, [2, 4, 6, 8, 10, 12]),
    "accumulated": (
        ["accumulate=2"],
        {"val_check_interval": 4, "limit_train_batches": 6},
        [2, 5, 8],
    ),
}


def callbacks_of(case):
    return [EMA(decay=0.9)] if case == "averaged" else []


@pytest.mark.parametrize("case", MID_EPOCH)
def test_resumed_around_a_validation_in_mid_epoch(tmp_path, case):
    """Saved at a validation and beside it: the weights, the curve and the best are the same."""
    overrides, options, seen = MID_EPOCH[case]
    options = {"check_val_every_n_epoch": 1, **options}
    history = History()
    keeper = Checkpoints(str(tmp_path / "whole"), monitor="val/elbo")
    whole = finished(tmp_path, overrides, *callbacks_of(case), history, keeper, **options)
    assert [point[0] for point in history.points] == seen
    for step in {seen[0], seen[0] - 1, seen[0] + 1, seen[-1]}:
        folder = tmp_path / str(step)
        folder.mkdir()
        stopped = [*callbacks_of(case), History(), StopAfter(folder, step)]
        with pytest.raises(Interrupted, match=f"saved at step {step} "):
            finished(tmp_path, overrides, *stopped, **options)
        last = folder / "last.ckpt"
        kept = Checkpoints(str(folder), monitor="val/elbo")
        again = [*callbacks_of(case), History(), kept]
        resumed = finished(tmp_path, overrides, *again, checkpoint=last, **options)
        assert kept.best_model_score == keeper.best_model_score
        for name in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "loops"):
            assert same(resumed[name], whole[name]), (step, name)
        assert same(resumed["callbacks"]["History"], whole["callbacks"]["History"]), step


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 2)])
def test_a_run_goes_on_in_groups_of_another_size(tmp_path, before, after):
    whole = finished(tmp_path, [])
    path = killed(tmp_path, [f"group_size={before}"], SaveAt(tmp_path, 10), at=(1, 6 // before))[-1]
    resumed = finished(tmp_path, [f"group_size={after}"], checkpoint=path)
    for name in ("state_dict", "optimizer_states", "global_step", "epoch"):
        assert same(resumed[name], whole[name]), name


def doctored(path, score):
    """Let a best checkpoint say that it had another score."""
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["callbacks"]["Checkpoints"]["best_model_score"] = torch.tensor(score)
    torch.save(checkpoint, path)
    return path.read_bytes()


@pytest.mark.parametrize("steps", [-1, 10])
def test_a_run_that_was_moved_keeps_its_best_checkpoint(tmp_path, steps):
    """Also where the last checkpoint was written before the validation that was the best."""
    old, new = tmp_path / "old", tmp_path / "new"
    keeper = Checkpoints(str(old), monitor="val/elbo")
    finished(tmp_path, [], keeper, max_steps=steps)
    old.rename(new)
    best = doctored(new / "best.ckpt", 1e9)
    keeper = Checkpoints(str(new), monitor="val/elbo")
    module, data = make_run(tmp_path)
    trainer = make_trainer(tmp_path, keeper, epochs=EPOCHS + 1)
    trainer.fit(module, data, ckpt_path=new / "last.ckpt", weights_only=True)
    assert (new / "best.ckpt").read_bytes() == best
    assert (keeper.best_model_score, keeper.best_model_path) == (1e9, str(new / "best.ckpt"))
    assert torch.load(new / "last.ckpt", weights_only=True)["global_step"] == 28
    assert not old.exists()
    # Without one that is whole, or picked by another figure, the next is the best.
    doctored(new / "best.ckpt", -1e9)
    other = Checkpoints(str(new), monitor="-val/kl")
    module, data = make_run(tmp_path)
    trainer = make_trainer(tmp_path, other, epochs=EPOCHS + 2)
    trainer.fit(module, data, ckpt_path=new / "last.ckpt", weights_only=True)
    assert torch.load(new / "best.ckpt", weights_only=True)["global_step"] == 35


def test_the_last_state_is_saved_though_it_is_not_the_best(tmp_path):
    class LeftByAKill(Checkpoints):
        def on_train_end(self, trainer, pl_module):
            self.signals.restore()

    keeper = LeftByAKill(str(tmp_path), monitor="val/elbo")
    finished(tmp_path, ["optimizer.lr=1e-30"], keeper)
    steps = {n: torch.load(tmp_path / n, weights_only=True)["global_step"] for n in NAMES}
    assert steps == {"best.ckpt": 7, "last.ckpt": 21}


def test_a_run_that_resumes_otherwise_is_noticed(tmp_path):
    """The control: what is compared differs where the noise or the order does."""
    whole = finished(tmp_path, [])
    paths = killed(tmp_path, [], SaveAt(tmp_path, 10), at=(1, 6))
    for change in ("seed", "epoch"):
        module, data = make_run(tmp_path)
        trainer = make_trainer(tmp_path, epochs=EPOCHS)
        if change == "seed":
            module.seed = 1
        checkpoint = torch.load(paths[0], weights_only=True)
        if change == "epoch":
            checkpoint["loops"]["fit_loop"]["state_dict"] = {}
            del checkpoint["loops"]["fit_loop"]["epoch_loop.state_dict"]
        torch.save(checkpoint, tmp_path / "changed.ckpt")
        trainer.fit(module, data, ckpt_path=tmp_path / "changed.ckpt", weights_only=True)
        state = state_of(trainer, tmp_path / "end.ckpt")
        assert not same(state["state_dict"], whole["state_dict"]), change


def test_other_data_settings_are_refused_in_the_middle_of_an_epoch(tmp_path):
    paths = killed(tmp_path, [], SaveAt(tmp_path, 3), at=(1, 1))
    with pytest.raises(ValueError, match=r"batch_size=8, this run has batch_size=4: resume with"):
        finished(tmp_path, ["data.batch_size=4"], checkpoint=paths[0])
