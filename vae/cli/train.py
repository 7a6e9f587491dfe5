"""``train.py``: from a config to a trained model, its figures, its pictures and its checkpoint."""

__all__ = ["run"]

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from vae import terminal
from vae.build import build_data
from vae.cli.batch_limits import settle_batches
from vae.cli.display import show_run
from vae.cli.ending import further, kept
from vae.cli.environment import prepare_process
from vae.cli.evaluations import build_evaluations
from vae.cli.fast import settle_execution
from vae.cli.finishing import finish
from vae.cli.first_stage import load_m1, with_m1
from vae.cli.folders import taken
from vae.cli.length import describe_length
from vae.cli.overrides import naming
from vae.cli.places import check_free, fix_places, with_places
from vae.cli.preparing import bound_validation, made, sized
from vae.cli.prior_stage import (
    FIXED,
    check_codes,
    check_stage,
    settled_on_checkpoint,
    start_from_held,
)
from vae.cli.processes import ended_together
from vae.cli.rate_search import RATES, search_rate
from vae.cli.record import Record
from vae.cli.resuming import (
    Resumed,
    as_trained,
    check_fit,
    check_resume,
    check_start,
    find_resumed,
)
from vae.cli.settings_checks import check_read, check_settings
from vae.data import DataModule
from vae.instantiate import MODEL, NAMES, resolve
from vae.interruption import Interrupted
from vae.models import Model
from vae.nested import lookup
from vae.older import completed
from vae.plugins import allowed, check_named, plugins_of
from vae.saved import read_saved
from vae.starting import start_at_data
from vae.training import VAEModule
from vae.training.execution import OPTIONS, execute
from vae.training.rates import rate_factor
from vae.training.sinks import end_loggers

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")  # of Lightning, torchrun and Slurm


def run(config: DictConfig) -> float:
    """Train, evaluate the best checkpoint and return its monitored figure."""
    places = fix_places(config)
    typed = HydraConfig.get().overrides.task
    if check_stage(config, typed):
        places["checkpoint"] = str(settled_on_checkpoint(config, typed))
    settings: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    settings["plugins"] = plugins_of(settings, typed_groups(settings))
    with allowed(settings["plugins"]):
        check_settings(settings)
        prepare_process(settings["threads"])
        set_precision(settings["matmul_precision"])
        folder = Path(HydraConfig.get().runtime.output_dir)
        overrides = with_places(typed, places)
        record = Record(config, overrides, folder)
        # The first process has the lock.
        begun = lambda: record.written or (folder / RATES).is_file()  # noqa: E731
        alone = taken(folder, begun) if is_first_process() else nullcontext()
        with alone, noting_what_is_kept(record, naming(settings["plugins"])):
            return train(settings, folder, record)


def typed_groups(settings: dict[str, Any]) -> Iterable[str]:
    """Return the groups of which the user has typed all: of a run that goes on, none for sure."""
    if settings.get("resume") not in (None, "auto"):
        return ()
    given = (*FIXED, "data") if settings.get("stage") is not None else ()
    return [name for name in NAMES if name not in given]


@contextmanager
def noting_what_is_kept(record: Record, plugins: Sequence[str]) -> Iterator[None]:
    """Note on the error that ends a run what it has left to go on from, by which arguments."""
    try:
        yield
    except Exception as error:
        if record.written and not (record.folder / ".hydra").is_dir():
            raise OSError(
                f"{record.folder} is gone: it was removed or moved while the run wrote to it"
            ) from error
        if record.written:
            error.add_note(kept(record.folder, plugins))
        raise


def is_first_process() -> bool:
    """Say whether this is the one of several processes that writes and prints."""
    return not any(int(os.environ.get(name, 0)) > 0 for name in RANKS)


def train(settings: dict[str, Any], folder: Path, record: Record) -> float:
    """Train, evaluate the best checkpoint and return its monitored figure."""
    settings, grouping = settle_batches(settings)
    evaluations = build_evaluations(settings["report"], seed=settings["seed"])
    data = build_data(settings)
    console = terminal.console(quiet=not is_first_process())
    resumed = find_resumed(settings["resume"], folder, console)
    check_free(folder, resumed and resumed.path)
    settings, first = with_m1(settings, resumed)
    if resumed is not None:
        settings = resumed_settings(settings, resumed)
    if settings["stage"] is not None:
        check_codes(settings)
    settings, module, trainer = made(settings, data, folder)
    load_m1(module.model, first, data.spec)
    check_read(module.model, HydraConfig.get().overrides.task)
    trainer.callbacks.append(record)  # type: ignore[attr-defined]  # after those that may refuse
    if resumed is not None:
        check_fit(resumed, module, trainer.world_size)
    else:
        give_weights(module.model, settings, data)
    open_ended = settings["trainer"]["max_epochs"] is None and resumed is None
    recorded = {} if resumed is None else resumed.config
    settings = sized(settings, recorded, module, data, trainer)
    told = {"training": describe_length(settings, data, trainer.world_size, open_ended)}
    told |= grouping | fit_rate(module, settings, trainer.world_size)
    settings, execution = settle_execution(settings, recorded, module, data, trainer.world_size)
    told |= execution
    record.settle(settings)
    if trainer.is_global_zero:
        show_run(console, module.model, data, folder, told)
    prepare_model(module, data, settings)
    if settings["lr_find"] is not False:
        return search_rate(settings, module, data, folder, console)
    try:
        with ended_together(trainer):
            seconds = fit(trainer, module, data, resumed, record)
        return finish(settings, trainer, data, evaluations, folder, console, seconds)
    finally:
        end_loggers(trainer.loggers)


def resumed_settings(settings: dict[str, Any], resumed: Resumed) -> dict[str, Any]:
    """Return the settings with the likelihood that the run has, if none is given, and check them.

    Raises:
        ValueError: If another one differs that may not.
    """
    if settings["trainer"]["fast_dev_run"]:
        raise ValueError("trainer.fast_dev_run tries a new run: leave it, or resume=, out")
    given = any(o.lstrip("+~").startswith("likelihood") for o in HydraConfig.get().overrides.task)
    if not given and "likelihood" in resumed.config:  # not that of today
        settings = {**settings, "likelihood": resumed.config["likelihood"]}
    settings = {**settings, "model": as_trained(settings["model"], resumed.config["model"])}
    check_resume(settings, resumed)
    return settings


def fit(
    trainer: pl.Trainer,
    module: VAEModule,
    data: DataModule,
    resumed: Resumed | None,
    record: Record,
) -> float:
    """Train, and return the seconds it took.

    Raises:
        ValueError: If the run has ended already, or its checkpoint does not fit.
    """
    path, started = None if resumed is None else resumed.path, time.perf_counter()
    try:
        trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C, where no checkpoint callback notes signals
        raise KeyboardInterrupt from None
    except Interrupted as end:
        config: Any = module.hparams["config"]
        settings = further(trainer, config["callbacks"]) + naming(config["plugins"])
        raise Interrupted(end.number, f"{end}\n{kept(record.folder, settings)}") from end
    except (LookupError, TypeError, AttributeError) as error:
        if resumed is None or record.written:
            raise
        told = shorten(f"{type(error).__name__}: {error}", 200)
        raise ValueError(f"{path} cannot be gone on from: {told}") from error
    if not record.written:  # not one step was left to do
        settings = further(trainer, module.hparams["config"]["callbacks"])
        longer = " ".join(settings) or "another trainer.max_steps or trainer.max_epochs"
        raise ValueError(
            f"the run has ended already, at step {trainer.global_step}: to go on, give {longer}"
        )
    return time.perf_counter() - started


def give_weights(model: Model, settings: dict[str, Any], data: DataModule) -> None:
    """Give a model that begins the weights of another, if the settings name one."""
    if settings["stage"] is not None:
        start_from_held(model, settings, data)
    elif settings["init"] is not None:
        start_from(model, settings, data)


def start_from(model: Model, settings: dict[str, Any], data: DataModule) -> None:
    """Give a model the weights of another run, or the averages of them that it kept.

    With the weights come the mean and width of the data that they were learned on, so that it is
    the same model at first.

    Raises:
        FileNotFoundError: If there is no such run, checkpoint or export.
        ValueError: If it is damaged, or its weights do not fit.
    """
    saved = completed(read_saved(settings["init"]), data)
    check_named(saved.config, MODEL, saved.path)
    if saved.spec.standardized != data.spec.standardized:
        raise ValueError(
            f"init: {saved.path} was trained with data.standardize="
            f"{str(saved.spec.standardized).lower()}: use the same here"
        )
    check_start(saved, model, settings)
    model.load_state_dict(saved.state)


def fit_rate(module: VAEModule, settings: dict[str, Any], world_size: int) -> dict[str, str]:
    """Fit the learning rate to the examples of a step; return what is to be said of both."""
    size, accumulate = settings["data"]["batch_size"], settings["accumulate"]
    batch, reference = size * accumulate * world_size, settings["lr_batch"]
    told = {}
    if batch != size:
        parts = f"{size} × {accumulate} accumulated × {world_size} processes"
        told["effective batch"] = f"{batch:,} = {parts}"
    if reference not in (None, batch):
        kind: Any = resolve(settings["optimizer"]["_target_"], "optimizer")
        given, factor = lookup(settings, "optimizer.lr"), rate_factor(kind, batch, reference)
        module.make_optimizer = partial(module.make_optimizer, lr=given * factor)
        told["learning rate"] = f"{given * factor:.3g} = {given:g} × {factor:.3g}, as lr_batch asks"
    return told


def set_precision(precision: str) -> None:
    """Set how precise products in single precision are, convolutions on a GPU included."""
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = precision != "highest"


def prepare_model(module: VAEModule, data: DataModule, settings: dict[str, Any]) -> None:
    """Start data-dependent parameters at examples and set how the nets are executed."""
    if settings["init"] is None and settings["stage"] is None:
        start_at_data(module.model, data)
    execute(module, [name for name in OPTIONS if settings[name]])
    bound_validation(module, data)
