"""Settings of a run that no part checks, refused before anything is read."""

__all__ = [
    "check_data_shape",
    "check_evaluation",
    "check_read",
    "check_settings",
]

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from math import isfinite
from typing import Any

from vae.cli.callback_checks import check_callbacks
from vae.cli.trainer_checks import (
    check_compiler,
    check_graph,
    check_sharded,
    check_trainer,
    on_gpu,
)
from vae.instantiate import describe, fits
from vae.models import Model
from vae.nested import leaves, lookup
from vae.parts import check_part
from vae.training.execution import OPTIONS

PARTS = ("model", "objective", "estimator", "optimizer")  # which every run has
ASKED_FOR = ("posterior", "prior", "likelihood")  # parts that a model may do without
COLLECTIONS = ("penalties", "logger", "callbacks", "report")  # of parts, by name
GROUPS = (*PARTS, *ASKED_FOR, *COLLECTIONS, "data", "scheduler", "trainer")
NUMBERS = {  # setting: (type, least value, greatest value); -1 in Lightning's own means no limit
    "seed": (int, 0, 2**63 - 1),
    "seeds": (int | None, 2, 1000),
    "threads": (int | None, 1, 1024),
    "group_size": (int, 1, None),
    "accumulate": (int, 1, None),
    "lr_batch": (int | None, 1, None),
    "lr_find": (bool | int, None, None),  # its range is checked where it is looked for
    "gradient_clip": (float | None, None, None),  # its range is the module's to check
    "gradient_skip": (float | None, None, None),
    "skip_limit": (int | None, 1, None),
    "test_samples": (int, 1, None),
    "trainer.num_nodes": (int, 1, None),
    "trainer.log_every_n_steps": (int, 1, None),
    "trainer.check_val_every_n_epoch": (int | None, 1, None),
    "trainer.max_epochs": (int | None, 1, None),
    "trainer.max_steps": (int, 1, None),
    "trainer.limit_train_batches": (int | float | None, None, None),  # its range is Lightning's
    "trainer.limit_val_batches": (int | float | None, None, None),
    "trainer.limit_test_batches": (int | float | None, None, None),
    "trainer.overfit_batches": (int | float, None, None),
    "trainer.val_check_interval": (int | float | str | dict, None, None),
    "trainer.fast_dev_run": (bool | int, None, None),
    "trainer.num_sanity_val_steps": (int, -1, None),
    "trainer.max_time": (str | dict | None, None, None),
    "trainer.profiler": (str | None, None, None),
    "callbacks.early_stopping.patience": (int, 1, None),
}
NEEDS = {"WandbLogger": "wandb", "MLFlowLogger": "mlflow"}  # what a logger is a part of
UNLIMITED = ("trainer.max_epochs", "trainer.max_steps")
SWITCHES = (
    *("deterministic", "test", "debug"),
    *("trainer.enable_progress_bar", "trainer.enable_model_summary"),
    *("trainer.detect_anomaly", "trainer.inference_mode"),
)
TEXTS = {
    **dict.fromkeys(OPTIONS, bool | None),
    "name": str,
    "plugins": list[str],
    "fast": str | bool,  # off is false in a file of YAML
    "matmul_precision": str,
    "monitor": str | None,
    "init": str | None,
    "stage": str | None,
    "checkpoint": str | None,
    "resume": str | None,
}
CHOICES = {
    "stage": (None, "prior"),
    "fast": ("auto", "off", False),
    "matmul_precision": ("highest", "high", "medium"),
    "trainer.accelerator": ("auto", "cpu", "gpu", "cuda", "mps"),
    "trainer.precision": ("32-true", "bf16-mixed", "16-mixed"),  # others ask for other batches
    "trainer.profiler": (None, "simple", "advanced", "pytorch"),
}
EVALUATION_NUMBERS = {
    "seed": (int, 0, 2**63 - 1),
    "threads": (int | None, 1, 1024),
    "test_samples": (int, 1, None),
    "max_rows": (int, 1, None),
    "max_examples": (int | None, 1, None),
}
EVALUATION_TEXTS = {
    "checkpoint": str | list[str],
    "plugins": list[str],
    "split": str,
    "device": str,
    "output": str | None,
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse a wrong top-level setting.

    Raises:
        ValueError: Naming the setting, what it may be and what was given.
    """
    check_structure(settings)
    check_numbers(settings, NUMBERS)
    for name in SWITCHES:
        check_type(name, lookup(settings, name), bool)
    for name, kind in TEXTS.items():
        check_type(name, lookup(settings, name), kind)
    for name, choices in CHOICES.items():
        value = lookup(settings, name)
        if value not in choices:
            told = ", ".join(map(shown, choices))
            raise ValueError(f"{name} must be one of {told}; got {value!r}")
    check_trainer(settings["trainer"])
    check_loggers(settings.get("logger") or {})
    check_callbacks(settings["callbacks"], on_gpu=on_gpu(settings["trainer"]))
    check_compiler(settings)
    check_graph(settings)
    check_sharded(settings)
    if settings["lr_find"] is not False and settings["resume"] is not None:
        raise ValueError("lr_find is for a run that has not begun: leave out resume")
    if settings["lr_find"] is not False and settings["trainer"]["strategy"] != "auto":
        raise ValueError("lr_find needs one process: leave trainer=auto, then give optimizer.lr")
    limits = [lookup(settings, name) for name in UNLIMITED]
    if settings.get("scheduler") and None not in limits and max(limits) < 0:
        raise ValueError(
            "a scheduler needs the end of training: set trainer.max_epochs or trainer.max_steps, "
            "or use scheduler=constant"
        )


def check_evaluation(settings: Mapping[str, Any]) -> None:
    """Refuse a wrong setting of the evaluation.

    Raises:
        ValueError: Naming the setting, what it may be and what was given.
    """
    check_names(settings, (*EVALUATION_NUMBERS, *EVALUATION_TEXTS, "data", "report", "debug"))
    check_numbers(settings, EVALUATION_NUMBERS)
    check_type("debug", settings["debug"], bool)
    for name, kind in EVALUATION_TEXTS.items():
        check_type(name, lookup(settings, name), kind)
    for name in ("data", "report"):
        check_type(name, settings[name], dict)
    for name, node in settings["report"].items():
        check_part(f"report.{name}", node)
    if not settings["checkpoint"]:
        raise ValueError("checkpoint must be .ckpt files or run folders; got nothing")


def check_read(model: Model, typed: Iterable[str]) -> None:
    """Refuse a part that the user typed where a model that makes no x has none.

    Args:
        model: Of the run.
        typed: The arguments of the command line.
    """
    if model.predicts is None:
        return
    for text in typed:
        group = text.lstrip("+~").partition("=")[0].partition(".")[0]
        if group in ASKED_FOR:
            raise ValueError(
                f"{type(model).__name__} predicts {model.predicts} from x and reads no {group}: "
                f"leave {text} out; what the model is made of stands under model."
            )


def check_data_shape(trained: Sequence[int], given: Sequence[int]) -> None:
    """Refuse to evaluate a model on data of another shape."""
    if tuple(trained) != tuple(given):
        raise ValueError(
            f"the checkpoint was trained on data of shape {tuple(trained)}, these have "
            f"{tuple(given)}: give data of the same shape"
        )


def check_names(settings: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a top-level name that nobody reads."""
    known = [name for name in names if "." not in name]
    for name in settings:
        if name not in known:
            close = get_close_matches(str(name), known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise ValueError(f"{name} is not a setting; {hint}")


def check_structure(settings: Mapping[str, Any]) -> None:
    """Refuse a top-level name that nobody reads, and a group without its parts."""
    check_names(settings, (*GROUPS, *NUMBERS, *SWITCHES, *TEXTS))
    for name in (*PARTS, "trainer", "data.source"):
        check_part(name, lookup(settings, name))
    for name in ASKED_FOR:
        if settings.get(name) is not None:
            check_part(name, settings[name])
    lookup(settings, "penalties")
    for group in COLLECTIONS:
        parts = settings.get(group) or {}
        if not isinstance(parts, Mapping):
            raise ValueError(f"{group} must hold parts by name; got {parts!r}")
        for name, node in parts.items():
            check_part(f"{group}.{name}", node)
    if "checkpoint" not in (settings.get("callbacks") or {}):
        raise ValueError(
            "callbacks needs default, which keeps the checkpoints: callbacks=[default,...]; "
            "one of them is left out by ~callbacks.pictures"
        )


def check_numbers(settings: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    """Refuse a number of the wrong type or out of its range, and any that is not finite."""
    for name, value in leaves(settings):
        if isinstance(value, float) and not isfinite(value):
            raise ValueError(f"{name} must be a finite number; got {value}")
        if name.endswith("optimizer.lr") and isinstance(value, (int, float)) and value <= 0:
            raise ValueError(f"{name} must be above 0; got {value}")
    for name, (kind, least, most) in numbers.items():
        if name.startswith("callbacks.") and lookup(settings, name, None) is None:
            continue  # of a callback that was not asked for
        value = lookup(settings, name)
        check_type(name, value, kind)
        if value is None or (name in UNLIMITED and value == -1):
            continue
        if least is not None and value < least:
            raise ValueError(f"{name} must be at least {least}; got {value}")
        if most is not None and value > most:
            raise ValueError(f"{name} must be at most {most}; got {value}")


def check_loggers(loggers: Mapping[str, Any]) -> None:
    """Refuse a logger whose package is not installed."""
    for name, node in loggers.items():
        package = NEEDS.get(str(node["_target_"]).rpartition(".")[2])
        if package is not None and find_spec(package) is None:
            raise ValueError(f"logger={name} needs a package: pip install {package}")


def shown(choice: str | bool | None) -> str:
    """Return a choice as it is typed."""
    return choice if isinstance(choice, str) else {None: "null", False: "false"}[choice]


def check_type(name: str, value: Any, kind: Any) -> None:
    """Refuse a value of another type."""
    if not fits(value, kind):
        raise ValueError(f"{name} must be {describe(kind)}; got {value!r}")
