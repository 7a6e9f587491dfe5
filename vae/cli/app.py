"""The entry points, and what the user sees of an error.

Nothing here imports torch, so that ``--help``, ``--cfg job`` and tab completion answer at once.
Exit status: 0 done, 1 the run failed, 2 the input was wrong, 128 + n ended by signal n (129 SIGHUP,
130 SIGINT, 138 SIGUSR1, 143 SIGTERM).
"""

__all__ = ["evaluate", "train"]

import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from vae.cli.arguments import check_arguments, without_dashes
from vae.cli.folders import Folders
from vae.cli.help import shorten_help
from vae.cli.launch import agree_on_folder
from vae.cli.light_metrics import lighten_torchmetrics
from vae.cli.messages import LONGEST, WRONG_PATH, explain, incomplete, is_lost_process, place
from vae.cli.one_composition import composing_once
from vae.cli.overrides import hydra_quoted, parsed, recorded_overrides
from vae.cli.own_configs import check_own_configs
from vae.cli.places import CHECKPOINTS, check_free, check_places
from vae.cli.processes import AnotherFailed, end_with_parent, is_further, shared_job
from vae.cli.search_path import (
    CONF,
    OwnConfigs,
    choices,
    config_folders,
    configs_of,
    is_group,
    searching,
)
from vae.cli.seeds import one_for_each_seed
from vae.cli.spinning import spin_briefly
from vae.cli.sweeps import (
    best_is_greatest,
    compare_one_figure,
    is_sweep,
    record_failure,
    remove_record,
)
from vae.cli.typed_words import COMPLETION, command_line
from vae.files import check_links
from vae.interruption import Interrupted
from vae.visible import visible

PATIENCE = 2.0  # seconds until a further process says why it fails


def train() -> None:
    """Train a model, evaluate it and say where everything is."""

    def task(config: DictConfig) -> float:
        from vae.cli.train import run

        with shared_job():
            return run(config)

    end_with_parent()
    with one_message(), configs_of(sys.argv):
        if not any(flag in sys.argv for flag in COMPLETION):
            one_for_each_seed(sys.argv)
            given = sys.argv[1:]
            resume_arguments(sys.argv)
            check_own_configs("train", sys.argv[1:], given)
            agree_on_folder(sys.argv)
            compare_one_figure(sys.argv)
            best_is_greatest(sys.argv)
        command("train", task)


def evaluate() -> None:
    """Evaluate a checkpoint."""

    def task(config: DictConfig) -> float:
        from vae.cli.evaluate import run

        return run(config)

    with one_message("eval"), configs_of(sys.argv):
        check_own_configs("eval", sys.argv[1:], sys.argv[1:])
        command("eval", task)


def before_torch() -> None:
    """Settle what torch and Lightning read when they are loaded."""
    spin_briefly()
    lighten_torchmetrics()


def resume_arguments(arguments: list[str]) -> None:
    """Put the overrides of a resumed run before the given ones, and stay in its folder.

    Raises:
        FileNotFoundError: If a run's folder lacks the record of its overrides.
    """
    path = resumed_path(arguments[1:])
    if path is None:
        return
    folder = path if path.is_dir() else path.parent.parent
    record = folder / ".hydra" / "overrides.yaml"
    if not record.is_file():
        if path.is_dir() and (path / CHECKPOINTS).is_dir():
            raise FileNotFoundError(
                f"{record} is missing, which holds the settings of the run: put it back, or start "
                "a new run from the weights, init=<that folder>"
            )
        return  # a checkpoint by itself, or the task says what is missing
    before = recorded_overrides(record, arguments[1:])
    arguments[1:] = [
        *(a for a in before if not is_resume(parsed(a))),
        *arguments[1:],
        f"hydra.run.dir={hydra_quoted(folder)}",
    ]


def resumed_path(arguments: list[str]) -> Path | None:
    """Return the run folder or checkpoint that arguments name, as Hydra reads them."""
    given = [override for a in arguments if is_resume(override := parsed(at_home(a)))]
    if not given or given[-1].is_sweep_override():
        return None
    value = given[-1].value()
    if not isinstance(value, str) or value in ("", "auto"):
        return None
    return Path(value).expanduser()


def is_resume(override: Override | None) -> TypeGuard[Override]:
    """Say whether an override sets ``resume``, with or without ``+``."""
    return override is not None and override.key_or_group == "resume"


def command(config_name: str, task: Callable[[DictConfig], Any]) -> None:
    """Run a Hydra task; end with one clear message and a status if anything fails."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us instead of being printed

    folders = OwnConfigs.named, config_folders()[1:]

    def guarded(config: DictConfig) -> Any:
        with one_message(config_name), searching(*folders):  # perhaps in another process
            check_places(config, config_name, HydraConfig.get().runtime.choices.get("data", ""))
            if config.get("seeds") is not None:
                raise ValueError("seeds= makes a sweep, which the command line alone can ask for")
            if config_name == "train" and config.get("resume") is None and not is_sweep():
                folder = Path(HydraConfig.get().runtime.output_dir)
                check_links(folder)
                check_free(folder, None)
            before_torch()
            return job_of_sweep(config_name, task, config) if is_sweep() else task(config)

    shorten_help(sys.argv[1:])
    with one_message(config_name):
        sys.argv[1:] = [at_home(word) for word in ordered(sys.argv[1:], config_name)]
        main = hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)
        try:
            with composing_once(own=bool(folders[1])):
                main(guarded)()
        except WRONG_PATH as error:
            if is_debugged():
                raise
            raise ValueError(no_folder(error)) from error  # Hydra's: a task's are told by then
        finally:
            Folders.leave()


def no_folder(error: OSError) -> str:
    """Say that the folder of a run or of a sweep cannot be made."""
    setting = "hydra.sweep.dir" if {"-m", "--multirun"}.intersection(sys.argv) else "hydra.run.dir"
    return f"{place(error)}. Choose another folder: {setting}=<a new folder>"


def at_home(word: str) -> str:
    """Return a setting whose value is a path below ``~`` as Hydra can read it.

    Example:
        >>> at_home("data.root=~/photos"), at_home("~data.root"), at_home("data.root='~/a b'")
        ("data.root='~/photos'", '~data.root', "data.root='~/a b'")
    """
    name, equals, value = word.partition("=")
    if not equals or not value.startswith("~/"):
        return word
    return f"{name}={hydra_quoted(Path(value))}"


def ordered(arguments: list[str], name: str = "train") -> list[str]:
    """Return the arguments of a command with flags first: between settings Hydra misses them.

    Raises:
        ValueError: If there is no such flag or setting.
    """
    parser = get_args_parser()
    parser.error = partial(refuse, name=name)  # type: ignore[method-assign]
    parser.allow_abbrev = False
    given = parser.parse_intermixed_args(arguments)
    if given.experimental_rerun:
        raise ValueError("--experimental-rerun is not supported: go on with resume=<run folder>")
    settings = given.overrides
    if given.shell_completion:
        return arguments
    for setting in settings:
        if setting.lstrip("+~")[:1] in ("", "=", "@"):
            raise ValueError(incomplete(setting))
        check_choices(setting)
    check_arguments(settings, name)
    left = Counter(settings)
    flags = []
    for argument in arguments:
        if left[argument] > 0:
            left[argument] -= 1
        else:
            flags.append(argument)
    return [*flags, *settings]


def check_choices(setting: str) -> None:
    """Refuse a list of choices that holds anything but names, at which Hydra would stumble."""
    override = parsed(setting)
    if override is None or not is_group(override.key_or_group):
        return
    given = override.value()
    wrong = [name for name in given if not isinstance(name, str)] if isinstance(given, list) else []
    if wrong:
        options = ", ".join(choices(override.key_or_group))
        raise ValueError(f"{setting[:LONGEST]}: {wrong[0]} is not a choice; there are {options}")


def refuse(message: str, *, name: str) -> NoReturn:
    """Refuse a flag as any other wrong input is refused."""
    told = without_dashes(message, name)
    if told != message:
        raise ValueError(told)
    told = shlex.join([*command_line(name), "--help"])
    raise ValueError(f"{message}; {told} lists settings, --hydra-help flags")


def job_of_sweep(name: str, task: Callable[[DictConfig], Any], config: DictConfig) -> Any:
    """Run a job of a sweep, which goes on if the job fails; not if a signal ends it."""
    try:
        remove_record()
        return task(config)
    except Exception as error:
        if is_debugged():
            raise  # Hydra shows it at the end
        record_failure(*explained(error, name))
        return None  # at a NaN, hydra-optuna-sweeper 1.3.0 ends the search with an error


@contextmanager
def one_message(name: str = "train") -> Iterator[None]:
    """Turn an exception into a message on standard error and an exit status."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
    except Interrupted as end:
        print(visible(str(end)), file=sys.stderr)
        sys.exit(end.status)
    except AnotherFailed as error:
        sys.exit(error.status)
    except Exception as error:
        if is_debugged():
            raise
        if is_further():
            leave_to_first(error)
        message, status = explained(error, name)
        print(f"error: {visible(message)}", file=sys.stderr)
        sys.exit(status)


def is_debugged() -> bool:
    """Say whether stack traces are asked for."""
    return "debug=true" in [argument.lower() for argument in sys.argv]


def explained(error: Exception, name: str) -> tuple[str, int]:
    """Return the message for an error of a command, and the exit status."""
    if isinstance(error, AnotherFailed):
        return str(error), error.status
    return explain(error, sys.argv[1:], name)


def leave_to_first(error: Exception) -> None:
    """Let the first process of a run speak, and end this one, if it has failed as well."""
    if is_lost_process(error):
        sys.exit(1)
    time.sleep(PATIENCE)
