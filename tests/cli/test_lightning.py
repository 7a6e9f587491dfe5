"""Every argument of Lightning's Trainer does from the command line what it does in Lightning."""

import csv
import json

import pytest
import torch

from tests.cli.command import TINY, array, call
from vae.saved import read_saved

# 64 training examples: 8 batches an epoch; 8 for validation and 8 for the test: one batch each.
TRAIN = [*TINY, "optimizer.lr=1e-3", "logger=none", "~callbacks.pictures", "trainer.max_epochs=2"]
BATCHES = 8
FEW = "data.eval_batch_size=2"  # four batches of validation and of test


def last(folder):
    """Return the last checkpoint of a run."""
    return torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=True)


def validated(folder):
    """Return the steps that a run was validated at, as its report takes them from its files."""
    kept = [folder / "run" / "checkpoints" / name for name in ("best.ckpt", "last.ckpt")]
    curves = [read_saved(path).history for path in kept if path.exists()]
    return [point.step for point in max(curves, key=len)]


def trained(monkeypatch, capsys, folder, *arguments):
    """Run the command; return the words that it prints, of which the run must be a success."""
    status, out, message = call(monkeypatch, capsys, folder, *TRAIN, array(folder), *arguments)
    assert (status, message) == (0, ""), message
    assert "Traceback" not in out
    return " ".join(out.split())


CASES = {  # arguments: steps, those with a validation, words of the summary
    "limit_train_batches=3": (6, [3, 6], "3 of the 8 batches of an epoch, 2 epochs, 6 steps"),
    "limit_train_batches=0.5": (8, [4, 8], "since trainer.limit_train_batches counts them"),
    "limit_train_batches=1": (2, [1, 2], "1 of the 8 batches"),
    "limit_train_batches=1.0": (16, [8, 16], "batch 8, 2 epochs, 16 steps encoder"),
    "limit_val_batches=2": (16, [8, 16], "batch 8, 2 epochs, 16 steps encoder"),
    "limit_val_batches=0": (16, [], "no validation encoder"),
    "val_check_interval=3": (16, [3, 6, 9, 12, 15], "validation every 3 batches"),
    "val_check_interval=0.25": (16, [2, 4, 6, 8, 10, 12, 14, 16], "every 0.25 of an epoch"),
    "val_check_interval=12": (16, [12], "validation every 12 batches"),
    "val_check_interval=3 trainer.check_val_every_n_epoch=1": (16, [3, 6, 11, 14], "3 batches"),
    "val_check_interval=4 trainer.check_val_every_n_epoch=2": (16, [12, 16], "one epoch of 2"),
    "val_check_interval=00:00:00:30": (16, [], "validation every 00:00:00:30"),
    "overfit_batches=2": (4, [2, 4], "2 of the 8 batches"),
    "overfit_batches=0.5": (8, [4, 8], "since trainer.overfit_batches counts them"),
    "max_steps=5": (5, [5], "5 steps"),
    "max_time={hours:1}": (16, [8, 16], "at most 1 hours"),
    "num_sanity_val_steps=2": (16, [8, 16], "16 steps encoder"),
    "num_sanity_val_steps=-1": (16, [8, 16], "16 steps encoder"),
    "enable_progress_bar=false": (16, [8, 16], "16 steps encoder"),
    "enable_model_summary=true": (16, [8, 16], "Trainable params"),
    "detect_anomaly=true": (16, [8, 16], "16 steps encoder"),
    "inference_mode=false": (16, [8, 16], "16 steps encoder"),
    "limit_train_batches=4 accumulate=2 trainer.val_check_interval=2": (4, [1, 2, 3, 4], "4 steps"),
}


@pytest.mark.parametrize("arguments", CASES)
def test_an_argument(monkeypatch, capsys, tmp_path, arguments):
    """Steps, validations, the length of the schedule, the best weights and the summary."""
    steps, seen, told = CASES[arguments]
    given = [f"trainer.{arguments.split()[0]}", *arguments.split()[1:], "test=false", FEW]
    out = trained(monkeypatch, capsys, tmp_path, *given)
    assert told in out
    saved = last(tmp_path)
    assert saved["global_step"] == steps
    assert validated(tmp_path) == seen
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    assert best.exists() == bool(seen)
    assert ("best.ckpt by val/elbo" if seen else "last.ckpt, since nothing was validated") in out
    assert out.count(" val elbo ") == (0 if "bar=false" in arguments else len(seen))
    if "max_" not in arguments:  # the cycle has come to its end
        rate = saved["optimizer_states"][0]["param_groups"][0]["lr"]
        assert rate == pytest.approx(1e-3 * 1e-4)
    if steps == 16 and "accumulate" not in arguments:
        assert "go on python train.py resume=run trainer.max_epochs=4" in out


def test_a_fast_run_tries_everything_and_keeps_nothing(monkeypatch, capsys, tmp_path):
    for steps, told in (("true", "trained 1 step in"), ("3", "trained 3 steps in")):
        given = ["logger=[csv,tensorboard]", f"trainer.fast_dev_run={steps}", "accumulate=2"]
        place = f"hydra.run.dir='{tmp_path / 'run'}'"
        out = trained(monkeypatch, capsys, tmp_path, *given, place)
        assert told in out
        assert "no checkpoint, as fast_dev_run has it" in out
        assert "report:" not in out
        files = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()}
        assert not {name for name in files if name.endswith((".ckpt", ".csv"))}
        assert not {name for name in files if name.startswith("events")}


def test_a_run_whose_time_is_over_can_be_gone_on_with(monkeypatch, capsys, tmp_path):
    """Before its first validation: the last weights are what is evaluated."""
    never = ["trainer.max_epochs=100000", "trainer.check_val_every_n_epoch=50000"]
    out = trained(monkeypatch, capsys, tmp_path, *never, "trainer.max_time=00:00:00:01")
    assert "last.ckpt, since nothing was validated; ended in epoch" in out
    assert "its time is over" in out
    assert "report: run/report.html" in out
    step = last(tmp_path)["global_step"]
    (further,) = (word for word in out.split() if word.startswith("trainer.max_time="))
    place = f"resume='{tmp_path / 'run'}'"
    status, _, message = call(monkeypatch, capsys, tmp_path, place, "test=false")
    assert (status, f"give {further}" in message) == (2, True), message
    status, _, message = call(monkeypatch, capsys, tmp_path, place, "test=false", further)
    assert (status, message) == (0, "")
    assert last(tmp_path)["global_step"] > step


def test_a_run_without_validation_is_evaluated(monkeypatch, capsys, tmp_path):
    given = ["trainer.limit_val_batches=0", "trainer.limit_test_batches=2", FEW]
    out = trained(monkeypatch, capsys, tmp_path, *given)
    assert "last.ckpt, since nothing was validated" in out
    report = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert report["protocol"]["step"] == 16
    assert report["protocol"]["examples"] == 4


@pytest.mark.parametrize("name", ["simple", "advanced", "pytorch"])
@pytest.mark.filterwarnings("ignore:.*Profiler.*")
def test_a_profile_is_written(monkeypatch, capsys, tmp_path, name):
    given = [f"trainer.profiler={name}", "test=false", "group_size=1"]
    trained(monkeypatch, capsys, tmp_path, *given)
    (path,) = (tmp_path / "run").glob("fit-profile*.txt")
    assert ("Self CPU time" if name == "pytorch" else "training_step") in path.read_text()
    traces = list((tmp_path / "run").glob("fit-profile*training_step*.pt.trace.json"))
    assert bool(traces) == (name == "pytorch")


CALLBACKS = {  # of Lightning: settings, and what shows in the output or in the table
    "LearningRateMonitor": (["logging_interval=step"], "lr-AdamW"),
    "ModelSummary": (["max_depth=2"], None),
    "RichModelSummary": ([], "Trainable params"),
    "Timer": (["duration=00:01:00:00"], None),
    "RichProgressBar": ([], None),
    "TQDMProgressBar": ([], None),
    "ModelCheckpoint": (["dirpath=more", "every_n_epochs=1", "save_top_k=-1"], None),
}


@pytest.mark.parametrize("kind", CALLBACKS)
@pytest.mark.filterwarnings("ignore:.*Checkpoint directory.*")
def test_a_callback_of_lightning(monkeypatch, capsys, tmp_path, kind):
    own, shown = CALLBACKS[kind]
    target = f"+callbacks.x._target_=lightning.pytorch.callbacks.{kind}"
    given = [target, *(f"+callbacks.x.{setting}" for setting in own)]
    given += ["logger=csv", "test=false", "group_size=2"]
    status, out, message = call(monkeypatch, capsys, tmp_path, *TRAIN, array(tmp_path), *given)
    assert status == 0, message
    assert last(tmp_path)["global_step"] == 16
    counts = "one by one" in out
    assert counts == (kind not in ("ModelSummary", "RichModelSummary"))
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    if shown is not None:
        assert shown in out or any(row.get(shown) for row in table)
    if kind == "ModelCheckpoint":
        assert len(list((tmp_path / "more").glob("*.ckpt"))) == 2


REFUSED = {
    "+trainer.limit_train_batch=3": (
        "trainer.limit_train_batch is not an argument of Lightning's Trainer; did you mean "
        "limit_train_batches?"
    ),
    "+trainer.zzz=3": "not an argument of Lightning's Trainer; docs/lightning.md lists",
    "trainer.limit_train_batch=3": "did you mean trainer.limit_train_batches=3?",
    "+trainer.gradient_clip_val=1": "use gradient_clip= instead",
    "+trainer.use_distributed_sampler=true": "the program's own to set: leave it out",
    "trainer.limit_train_batches=0": "limit_train_batches must be above 0",
    "trainer.limit_train_batches=1.5": "must be a whole number or in (0, 1]; got 1.5",
    "trainer.limit_train_batches=0.01": "leaves none of the 8 batches of an epoch",
    "trainer.limit_train_batches=-1": "must be above 0; got -1",
    "trainer.val_check_interval=100": "more than the 16 batches of the run",
    "trainer.val_check_interval=9 trainer.check_val_every_n_epoch=1": (
        "more than the 8 batches of an epoch: count through all epochs with "
        "trainer.check_val_every_n_epoch=null"
    ),
    "trainer.val_check_interval=3 accumulate=2": "in the midst of a step of accumulate=2",
    "trainer.fast_dev_run=-1": "must be true, false or a number of steps",
    "trainer.num_sanity_val_steps=-2": "must be at least -1",
    "trainer.profiler=fast": "must be one of null, simple, advanced, pytorch; got 'fast'",
    "trainer.max_time=soon": "not a valid duration",
    "trainer.enable_progress_bar=no": "must be true or false",
    "lr_find=5": "a range test needs 20 steps at least",
    "lr_find=true resume=run": "nothing to go on from",
    "+callbacks.x._target_=lightning.pytorch.callbacks.LearningRateFinder": "use lr_find=true",
    "+callbacks.x._target_=lightning.pytorch.callbacks.LambdaCallback": "a callback of your own",
    "+callbacks.x._target_=lightning.pytorch.callbacks.LearningRateMonitor": "no logger",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(monkeypatch, capsys, tmp_path, arguments):
    given = [*TRAIN, array(tmp_path), *arguments.split()]
    status, _, message = call(monkeypatch, capsys, tmp_path, *given)
    assert status == 2
    assert REFUSED[arguments] in message
    assert message.count("\n") == 1


def test_a_learning_rate_is_found_and_told(monkeypatch, capsys, tmp_path):
    status, out, message = call(
        monkeypatch, capsys, tmp_path, *TRAIN, array(tmp_path), "lr_find=60", "accumulate=2"
    )
    assert (status, message) == (0, "")
    rate = float(out.split("optimizer.lr=")[-1])
    assert 1e-7 < rate < 1
    assert f"learning rate of {rate:.2g} " in out
    assert "lr_find" not in out.splitlines()[-1]
    assert (tmp_path / "run" / "lr_find.png").stat().st_size > 1000
    assert not (tmp_path / "run" / "checkpoints").exists()
