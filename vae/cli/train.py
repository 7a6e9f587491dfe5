"""``train.py``: from a config to a trained model, its figures, its pictures and its checkpoint."""

__all__ = ["run"]

import json
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from vae import terminal
from vae.build import build_data, check_parts, rebuild
from vae.cli.checks import check_batches, check_resume, check_settings
from vae.cli.environment import describe_environment, prepare_process
from vae.cli.evaluations import build_evaluations
from vae.cli.hparams import log_hparams, writer_of
from vae.cli.length import OPEN, describe_length, settle_length
from vae.cli.monitor import check_monitor, settle_monitor
from vae.cli.places import fix_places, with_places
from vae.cli.reporting import make_report, write_report
from vae.cli.summary import show_commands, show_report, show_run
from vae.data import DataModule
from vae.evaluation import Evaluation, Subject
from vae.files import locked
from vae.instantiate import instantiate, resolve
from vae.models import Model
from vae.nested import lookup
from vae.networks.products import use_products
from vae.older import completed
from vae.saved import read_checkpoint, read_saved
from vae.starting import start_at_data
from vae.training import VAEModule
from vae.training.profiler import NoProfiler
from vae.training.rates import rate_factor
from vae.training.storage import DurableCheckpoints, newest

UNSETTLED = {"max_epochs": -1, "check_val_every_n_epoch": 1}  # where the settings say null
CHECKPOINTS = "checkpoints"  # the folder of them in that of a run
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")  # of Lightning, torchrun and Slurm


def run(config: DictConfig) -> float:
    """Train, evaluate the best checkpoint and return its monitored figure."""
    places = fix_places(config)
    settings: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    check_settings(settings)
    prepare_process(settings["threads"])
    folder = Path(HydraConfig.get().runtime.output_dir)
    if not is_first_process():  # which has the lock
        return train(settings, folder)
    with locked(folder / ".hydra" / "lock", folder):
        record(config, places, folder / ".hydra")
        return train(settings, folder)


def is_first_process() -> bool:
    """Say whether this is the one of several processes that writes and prints."""
    return not any(int(os.environ.get(name, 0)) > 0 for name in RANKS)


def record(config: DictConfig, places: Mapping[str, str], folder: Path) -> None:
    """Write the config as Hydra does, but not into the folder of a run that is going on."""
    folder.mkdir(exist_ok=True)
    overrides = with_places(HydraConfig.get().overrides.task, places)
    OmegaConf.save(config, folder / "config.yaml")
    OmegaConf.save(OmegaConf.create(overrides), folder / "overrides.yaml")


def train(settings: dict[str, Any], folder: Path) -> float:
    """Train, evaluate the best checkpoint and return its monitored figure."""
    evaluations = build_evaluations(settings["report"], seed=settings["seed"])
    data = build_data(settings)
    console = terminal.console(quiet=not is_first_process())
    resumed, recorded = find_resumed(settings, folder, console)
    if recorded and not any(o.startswith("likelihood") for o in HydraConfig.get().overrides.task):
        settings = {**settings, "likelihood": recorded["likelihood"]}  # not the default of today
    torch.manual_seed(settings["seed"])
    module = VAEModule.from_config(settings, data.spec)
    settings = settle_monitor(settings, module.objective)
    check_monitor(settings, check_parts(module.model, module.objective, data.spec))
    if recorded:
        check_resume(settings, recorded)
    trainer = build_trainer(settings)
    if resumed is None and settings["init"] is not None:
        start_from(module.model, settings["init"], data)
    data.setup("fit")
    open_ended = settings["trainer"]["max_epochs"] is None and resumed is None
    settings = settle_length(settings, recorded, data, trainer.world_size)
    check_batches(settings, data, trainer.world_size)
    set_length(trainer, module, settings)
    told = {"training": describe_length(settings, data, trainer.world_size, open_ended)}
    told |= fit_rate(module, settings, trainer.world_size)
    if trainer.is_global_zero:
        show_run(console, module.model, data, folder, told)
        record_length(settings, folder)
        environment = json.dumps(describe_environment(), indent=2)
        (folder / "environment.json").write_text(environment + "\n")
    prepare_model(module, data, settings)
    started = time.perf_counter()
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resumed, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C, where no checkpoint callback notes signals
        raise KeyboardInterrupt from None
    seconds = time.perf_counter() - started
    return finish(settings, trainer, data, evaluations, folder, console, seconds)


def set_length(trainer: pl.Trainer, module: VAEModule, settings: dict[str, Any]) -> None:
    """Give the Trainer, and the checkpoints, the numbers that were settled with the data."""
    trainer.fit_loop.max_epochs = settings["trainer"]["max_epochs"]
    trainer.check_val_every_n_epoch = settings["trainer"]["check_val_every_n_epoch"]
    settled = {group: settings[group] for group in ("data", "trainer")}
    module.hparams["config"] = {**module.hparams["config"], **settled}


def record_length(settings: dict[str, Any], folder: Path) -> None:
    """Write the numbers that were settled with the data into the run's config."""
    path = folder / ".hydra" / "config.yaml"
    config = OmegaConf.load(path)
    for name in OPEN:
        OmegaConf.update(config, name, lookup(settings, name))
    OmegaConf.save(config, path)


def start_from(model: Model, path: str, data: DataModule) -> None:
    """Give a model the weights of another run, or the averages of them that it kept.

    With the weights come the mean and width of the data that they were learned on, so that it is
    the same model at first.

    Raises:
        FileNotFoundError: If there is no such run, checkpoint or export.
        ValueError: If it is damaged, or its weights do not fit.
    """
    saved = completed(read_saved(path), data)
    if saved.spec.standardized != data.spec.standardized:
        raise ValueError(
            f"init: {saved.path} was trained with data.standardize="
            f"{str(saved.spec.standardized).lower()}: use the same here"
        )
    try:
        model.load_state_dict(saved.state)
    except RuntimeError as error:
        reason = shorten(str(error).partition(":")[2], 200)
        raise ValueError(f"init: the weights of {saved.path} do not fit: {reason}") from error


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


def find_resumed(
    settings: dict[str, Any], folder: Path, console: Console
) -> tuple[Path | None, dict[str, Any]]:
    """Return the newest whole checkpoint to go on from, if there is to be one, and its config.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If none is whole.
    """
    given = settings["resume"]
    if given is None:
        return None, {}
    path = folder if given == "auto" else Path(given).expanduser()
    candidates = list(newest(path / CHECKPOINTS)) if path.is_dir() else [path]
    if given == "auto" and not candidates:
        return None, {}
    problems = []
    for candidate in candidates:
        try:
            checkpoint = read_checkpoint(candidate)
        except ValueError as error:
            problems.append(str(error))
            continue
        config = checkpoint["hyper_parameters"]["config"]
        for line in (*problems, f"going on from {candidate}, step {checkpoint['global_step']}"):
            console.print(line, highlight=False, soft_wrap=True)
        return candidate, config
    if problems:
        raise ValueError("; ".join(problems))
    raise FileNotFoundError(f"nothing to go on from in {path}: give a run folder or a checkpoint")


def build_trainer(settings: dict[str, Any]) -> pl.Trainer:
    """Build the Trainer with its loggers and callbacks; `set_length` ends an open length."""
    loggers = instantiate(settings.get("logger") or {}, "logger")
    callbacks = instantiate(settings.get("callbacks") or {}, "callbacks")
    node = {**settings["trainer"]}
    node |= {name: value for name, value in UNSETTLED.items() if node[name] is None}
    trainer: pl.Trainer = instantiate(
        node,
        "trainer",
        logger=list(loggers.values()),
        callbacks=list(callbacks.values()),
        profiler=NoProfiler(),
        plugins=[DurableCheckpoints()],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    return trainer


def prepare_model(module: VAEModule, data: DataModule, settings: dict[str, Any]) -> None:
    """Start data-dependent parameters at examples and set how the nets are executed."""
    if settings["init"] is None:
        start_at_data(module.model, data)
    if settings["channels_last"]:
        module.model.to(memory_format=torch.channels_last)
        use_products(module.model)
    torch.set_float32_matmul_precision(settings["matmul_precision"])
    torch.backends.cudnn.allow_tf32 = settings["matmul_precision"] != "highest"
    if settings["compile"]:
        module.compile_step()
    module.cuda_graph = settings["cuda_graph"]


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
    keeper: Any = trainer.checkpoint_callback
    if keeper.best_model_score is None:
        raise ValueError(
            f"the run has ended already, at step {trainer.global_step}: raise trainer.max_steps "
            "or trainer.max_epochs"
        )
    score = float(keeper.best_model_score)
    monitored = -score if keeper.mode == "min" else score
    best = Path(keeper.best_model_path)
    if not trainer.is_global_zero:
        return monitored
    chosen = f"best.ckpt by {keeper.monitor} {score:.3f}"
    title = f"trained {trainer.global_step:,} steps in {seconds:.0f} s; {chosen}"
    if settings["test"]:
        saved = read_saved(best)
        model = rebuild(saved).to(trainer.strategy.root_device).eval()
        report = make_report(Subject(model, data), saved, evaluations)
        write_report(report, folder, writer_of(trainer), step=saved.step)
        log_hparams(trainer, settings, report)
        show_report(console, report, folder, title=title)
    else:
        console.print(title, highlight=False)
    show_commands(console, folder, best, further(settings["trainer"]))
    return monitored


def further(trainer: dict[str, Any]) -> str:
    """Return the setting under which a run of so many epochs or steps goes on for as many."""
    name = "max_epochs" if trainer["max_epochs"] > 0 else "max_steps"
    return f"trainer.{name}={2 * trainer[name]}"
