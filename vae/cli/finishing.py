"""What a run ends with: the weights that were picked, their report, and commands to go on with."""

__all__ = ["finish"]

from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
from rich.console import Console

from vae.batch import blank
from vae.build import rebuild
from vae.cli.display import show_commands, show_report
from vae.cli.ending import further, stopped
from vae.cli.hparams import log_hparams, writer_of
from vae.cli.reporting import make_report, write_report
from vae.data import DataModule
from vae.evaluation import Evaluation, Report, Subject
from vae.models import Model
from vae.saved import read_saved
from vae.training.callbacks import Checkpoints
from vae.training.storage import LAST
from vae.training.total_steps import is_count, limited


def use_of(trainer: pl.Trainer, data: DataModule) -> str:
    """Return what to call of a trained model to see what it makes, or predicts."""
    model = trainer.lightning_module.model
    assert isinstance(model, Model)
    if model.predicts is not None:
        return f"predict(torch.zeros{(2, *data.spec.shape)}).sample()"
    untold = ("x", "length", "mask") if model.is_sequential else ("x",)  # all steps are made
    names = (*(name for name in model.fields if name not in untold), *model.learns_from)
    given = ", ".join(f'"{name}": {some_value(data, name)}' for name in names)
    return f"sample(64, given={{{given}}}).shape" if given else "sample(64).shape"


def some_value(data: DataModule, name: str) -> str:
    """Return code for some value of a field that 64 samples could be given."""
    shape = blank(data.spec, (name,))[name].shape[1:]
    return f"torch.zeros{(64, *shape)}" if shape else "0"


class Outcome(NamedTuple):
    """The weights that a run ends with.

    Attributes:
        path: Their checkpoint; ``None`` if none was kept.
        best: The figure that picked them, by its name; empty if none did.
        monitored: That figure, to maximise; not a number if nothing was validated.
        told: Which they are, in words.
    """

    path: Path | None
    best: dict[str, float]
    monitored: float
    told: str


def finish(
    settings: dict[str, Any],
    trainer: pl.Trainer,
    data: DataModule,
    evaluations: dict[str, Evaluation],
    folder: Path,
    console: Console,
    seconds: float,
) -> float:
    """Evaluate the best checkpoint, report, and return the figure that picked it, to maximise."""
    outcome = outcome_of(trainer)
    if not trainer.is_global_zero:
        return outcome.monitored
    steps = f"{trainer.global_step:,} step{'s' * (trainer.global_step != 1)}"
    title = f"trained {steps} in {seconds:.0f} s; {outcome.told}{stopped(trainer)}"
    if outcome.path is None:
        console.print(title, highlight=False, soft_wrap=True)
        return outcome.monitored
    report = None
    if settings["test"]:
        report = tested(settings, trainer, data, evaluations, outcome.path, folder)
        show_report(console, report, folder, title=title)
    else:
        console.print(title, highlight=False, soft_wrap=True)
    log_hparams(trainer, settings, outcome.best, report)
    longer = further(trainer, settings["callbacks"])
    plugins, use = settings["plugins"], use_of(trainer, data)
    show_commands(console, folder, outcome.path, longer, plugins, use=use)
    return outcome.monitored


def outcome_of(trainer: pl.Trainer) -> Outcome:
    """Return the best weights of a run, or its last ones where no validation picked any."""
    keeper = next(c for c in trainer.callbacks if isinstance(c, Checkpoints))  # type: ignore[attr-defined]
    if keeper.best_model_score is not None:
        score = float(keeper.best_model_score)
        monitored = -score if keeper.mode == "min" else score
        told = f"best.ckpt by {keeper.monitor} {score:.3f}"
        return Outcome(Path(keeper.best_model_path), {str(keeper.monitor): score}, monitored, told)
    last = Path(str(keeper.dirpath)) / LAST
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        found = trainer.callback_metrics.get(str(keeper.monitor))
        value = nan if found is None else float(found)
        monitored = -value if keeper.mode == "min" else value
        told = f"{keeper.monitor} {value:.3f}; no checkpoint, as fast_dev_run has it"
        return Outcome(None, {}, monitored, told)
    return Outcome(last, {}, nan, f"{LAST}, since nothing was validated")


def tested(
    settings: Mapping[str, Any],
    trainer: pl.Trainer,
    data: DataModule,
    evaluations: Mapping[str, Evaluation],
    path: Path,
    folder: Path,
) -> Report:
    """Make and write the report of a checkpoint on the test data."""
    saved = read_saved(path)
    model = rebuild(saved).to(trainer.strategy.root_device).eval()
    subject = Subject(model, data, max_examples=max_test_examples(settings, data))
    report = make_report(subject, saved, evaluations)
    write_report(report, folder, writer_of(trainer), step=saved.step)
    return report


def max_test_examples(settings: Mapping[str, Any], data: DataModule) -> int | None:
    """Return of how many test examples a report is; ``None`` of all."""
    limit, size = settings["trainer"]["limit_test_batches"], data.eval_batch_size
    if limit is None or (limit == 1.0 and not is_count(limit)):
        return None
    batches = len(data.batches("test"))
    return max(1, limited(batches, limit)) * size
