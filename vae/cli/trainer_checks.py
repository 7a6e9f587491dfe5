"""Settings of the Trainer that this training loop or this machine cannot do."""

__all__ = ["COMPILES", "check_compiler", "check_graph", "check_sharded", "check_trainer", "on_gpu"]

import inspect
import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import lightning.pytorch as pl
import torch
from torch.optim import Optimizer

from vae.cli.kinds import kind_of, kinds
from vae.cli.launch import check_launch
from vae.instantiate import fits
from vae.nested import lookup

NEEDED = ("devices", "num_nodes", "strategy")
LEAST = {  # limits in batches, and whether they must leave something to do
    "limit_train_batches": True,
    "limit_val_batches": False,
    "limit_test_batches": True,
    "overfit_batches": False,
    "val_check_interval": True,
}
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")
COMPILER = "2.14"  # the first torch whose compiled steps were seen to be the plain ones
COMPILES = torch.__version__ >= COMPILER
INSTEAD = {  # arguments of Lightning's Trainer that are given here otherwise
    "accumulate_grad_batches": "accumulate=",
    "barebones": "logger=none",
    "callbacks": "callbacks=[default,...]",
    "default_root_dir": "hydra.run.dir=",
    "enable_checkpointing": "callbacks.checkpoint",
    "gradient_clip_algorithm": "gradient_clip=",
    "gradient_clip_val": "gradient_clip=",
    "logger": "logger=[tensorboard,csv]",
}
PROGRAMS = (  # those that the program sets, or has no use for
    *("enable_autolog_hparams", "limit_predict_batches", "model_registry", "plugins"),
    *("reload_dataloaders_every_n_epochs", "use_distributed_sampler"),
)
TRAINER = tuple(inspect.signature(pl.Trainer).parameters)


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Refuse what Lightning takes and this training loop does not, or this machine has not."""
    for name in NEEDED:
        lookup({"trainer": trainer}, f"trainer.{name}")
    check_arguments(trainer)
    strategy = trainer["strategy"]
    epochs, interval = trainer["max_epochs"] or -1, trainer["check_val_every_n_epoch"] or 1
    if strategy not in STRATEGIES and not isinstance(strategy, Mapping):
        raise ValueError(
            f"trainer.strategy must be auto or ddp; got {strategy!r}. Use trainer=ddp or fsdp"
        )
    check_limits(trainer)
    if 0 < epochs < interval and trainer["limit_val_batches"] != 0:
        raise ValueError(
            f"trainer.check_val_every_n_epoch={interval} is more than "
            f"trainer.max_epochs={epochs}: nothing would be validated, and nothing kept"
        )
    gpu = on_gpu(trainer)
    if trainer["accelerator"] in ("gpu", "cuda") and not gpu:
        raise ValueError("a GPU was asked for, but torch sees none. Use trainer=cpu")
    if trainer["precision"] == "16-mixed" and not gpu:
        raise ValueError("trainer.precision=16-mixed needs a GPU. Use bf16-mixed or 32-true")
    check_launch(trainer["num_nodes"], trainer["devices"])
    check_devices(trainer["devices"], torch.cuda.device_count() if gpu else None)


def check_arguments(trainer: Mapping[str, Any]) -> None:
    """Refuse what is no argument of Lightning's Trainer, or is given otherwise here."""
    for name in trainer:
        if name in INSTEAD:
            raise ValueError(f"trainer.{name} is not a setting here: use {INSTEAD[name]} instead")
        if name in PROGRAMS:
            raise ValueError(f"trainer.{name} is the program's own to set: leave it out")
        if name not in TRAINER and name != "_target_":
            close = get_close_matches(str(name), TRAINER, 1)
            hint = f"did you mean {close[0]}?" if close else "docs/lightning.md lists those it has"
            raise ValueError(f"trainer.{name} is not an argument of Lightning's Trainer; {hint}")


def check_limits(trainer: Mapping[str, Any]) -> None:
    """Refuse a limit that leaves nothing to do, or that Lightning would take for another."""
    for name, least in LEAST.items():
        value = trainer[name]
        low = "(0" if least else "[0"
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError(f"trainer.{name} must be a whole number or in {low}, 1]; got {value}")
        if isinstance(value, (int, float)) and (value < 0 or (value == 0 and least)):
            wanted = "above 0" if least else "at least 0"
            raise ValueError(f"trainer.{name} must be {wanted}; got {value}")
    time = trainer["max_time"]
    if isinstance(time, str) and not set(time) - set("0: "):
        raise ValueError(
            f"trainer.max_time must be above 0 (days:hours:minutes:seconds); got {time}"
        )
    if trainer["fast_dev_run"] < 0:
        raise ValueError(
            f"trainer.fast_dev_run must be true, false or a number of steps; got "
            f"{trainer['fast_dev_run']}"
        )


def on_gpu(trainer: Mapping[str, Any]) -> bool:
    """Say whether a run with these settings of the Trainer is one on a CUDA device."""
    return trainer["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def check_graph(settings: Mapping[str, Any]) -> None:
    """Refuse a CUDA graph where there is no GPU."""
    if settings["cuda_graph"] and not on_gpu(settings["trainer"]):
        raise ValueError("cuda_graph=true needs a GPU. Leave it false on the CPU")


def check_compiler(settings: Mapping[str, Any]) -> None:
    """Refuse to compile with a torch whose compiler computes some objectives wrongly."""
    if settings["compile"] and not COMPILES:
        raise ValueError(
            f"compile=true needs torch {COMPILER} or later, this is {torch.__version__}: the "
            "compiler of 2.11 gave wrong gradients. Use compile=false"
        )


def check_sharded(settings: Mapping[str, Any]) -> None:
    """Refuse parts that need whole weights where each process has a part of them."""
    strategy = kind_of(settings, "trainer.strategy")
    if not getattr(strategy, "shards_weights", False):
        return
    for name, kind in kinds(settings):
        if needs_whole_weights(kind):
            raise ValueError(f"{name} needs whole weights in each process: use trainer=ddp")
    if settings["compile"]:
        raise ValueError("compile=true needs whole weights in each process: use trainer=ddp")
    if settings["trainer"]["precision"] == "16-mixed":
        raise ValueError("trainer=fsdp goes with 32-true or bf16-mixed; got 16-mixed")


def needs_whole_weights(kind: type[Any]) -> bool:
    """Say whether a part of this class needs whole weights.

    Of optimizers, those of torch look at each weight alone; others may look at whole matrices.
    """
    if issubclass(kind, Optimizer):
        return not kind.__module__.startswith("torch.optim")
    return getattr(kind, "needs_whole_weights", False)


def check_devices(devices: Any, gpus: int | None) -> None:
    """Refuse more processes than there are devices, or none."""
    if devices == "auto" or isinstance(devices, list):
        return  # what Lightning says of a list is clear
    most = gpus or max(2, os.cpu_count() or 1)
    kind = "GPUs" if gpus else "CPU processes"
    if gpus and devices == -1:
        return
    if not fits(devices, int) or not 1 <= devices <= most:
        raise ValueError(
            f"trainer.devices must be auto or a whole number from 1 to {most}, the {kind} this "
            f"machine is good for; got {devices!r}"
        )
