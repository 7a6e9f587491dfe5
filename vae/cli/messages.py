"""From an exception to one message: what was given, what is allowed, what to do."""

__all__ = ["WRONG_PATH", "explain", "incomplete", "is_lost_process", "place"]

import re
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from errno import EDQUOT, EFBIG, ENAMETOOLONG, ENOSPC
from os import environ
from typing import Any

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)

from vae.cli.known import known_settings
from vae.cli.overrides import parsed, quoted
from vae.cli.search_path import choices, is_group, read_choice
from vae.cli.suggestions import choice_meant, package_for, setting_meant
from vae.nested import keys, lookup

DEBUG = "Add debug=true for the stack trace."
LONGEST = 200  # letters of what the user gave that are repeated
WRONG_PATH = (
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    FileExistsError,
    PermissionError,
)
SWAPPED = {"data.root": "data.path", "data.path": "data.root"}  # folders have a root, files a path
NO_CHOICE = "Config group override must be"  # of Hydra, when the choice is null or a number
OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory", re.IGNORECASE)
OUT_OF_MEMORY_ADVICE = "out of memory: lower data.batch_size, samples, or the sizes of the nets"
LOST_PROCESS = re.compile("gloo|NCCL|store->get|DistStore|socketPollConnect", re.IGNORECASE)
TAKEN_PORT = re.compile("EADDRINUSE|address already in use", re.IGNORECASE)
QUOTES = "'\""
SHELL = frozenset('"\\$`!')  # what means something within the shell's double quotes
FULL = (EDQUOT, EFBIG, ENOSPC)


def explain(error: Exception, arguments: list[str], command: str = "train") -> tuple[str, int]:
    """Return the message for an error, with what was noted on it, and the exit status."""
    message, status = reason(error, arguments, command)
    return "\n".join([message, *getattr(error, "__notes__", ())]), status


def reason(error: Exception, arguments: list[str], command: str) -> tuple[str, int]:
    """Return what an error says, and the exit status."""
    cause = root(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return missing_choice(error), 2
    if isinstance(error, OverrideParseException):
        return unreadable(error), 2
    if isinstance(error, ConfigCompositionException) or NO_CHOICE in str(error):
        return composition(error, arguments, command), 2
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        told = interpolation(error, arguments) or interpolation(cause, arguments)
        return told or first_line(cause), 2
    if isinstance(error, ValueError):
        return str(error), 2
    if type(error).__name__ == "MisconfigurationException":  # of Lightning, which may not be loaded
        return first_line(error), 2
    if isinstance(error, OSError) and error.errno in FULL:
        return f"{error.strerror}: make room on the disk", 1
    if isinstance(error, OSError):
        wrong_path = isinstance(error, WRONG_PATH) or error.errno == ENAMETOOLONG
        return place(error), 2 if wrong_path else 1
    if isinstance(error, ArithmeticError):
        return str(error), 1
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
        return f"{OUT_OF_MEMORY_ADVICE} ({first_line(error)})", 1
    if type(error).__name__ == "UncompletedJobError":  # of submitit, which may not be installed
        log = (
            str(error).splitlines()[0].partition(" with path ")[2].replace("result.pkl", "log.err")
        )
        return f"a job of the sweep failed, and says why in {log}", 1
    if TAKEN_PORT.search(str(error)):
        return taken_port(), 1
    if is_lost_process(error):
        return "another process of this run failed, was killed, or did not answer in time", 1
    return f"{type(error).__name__}: {first_line(error)} {DEBUG}", 1


def is_lost_process(error: BaseException) -> bool:
    """Say whether torch tells with an error that another process of the run has gone."""
    told = str(error)
    return bool(LOST_PROCESS.search(told)) and not TAKEN_PORT.search(told)


def taken_port() -> str:
    """Say that the processes of a run cannot meet at the port they were given."""
    port = environ.get("MASTER_PORT")
    return (
        f"port {port}, at which the processes of this run were to meet, is taken: unset "
        "MASTER_PORT, and a free one is found, or set it to another"
    )


def place(error: OSError) -> str:
    """Say which path is wrong, without the number of the system's error."""
    if error.strerror is None:
        return str(error)
    return error.strerror + (f": {str(error.filename)[:LONGEST]}" if error.filename else "")


def unreadable(error: OverrideParseException) -> str:
    """Say how an argument that cannot be parsed is written."""
    key, equals, value = error.override.partition("=")
    shown = error.override[:LONGEST]
    if not equals:
        return f"{shown!r} is not of the form setting=value"
    if not (key and value):
        return incomplete(error.override)
    key, value = (
        "".join(letter for letter in part if letter.isprintable()) for part in (key, value)
    )
    meant = f"{key}={quoted(value.strip(QUOTES)[:LONGEST])}"
    told = f"{shown!r} cannot be read"
    if parsed(meant) is None:
        return f"{told}: {key[:LONGEST]!r} is no setting's name"
    typed = shlex.quote(meant) if SHELL.intersection(meant) else f'"{meant}"'
    return (
        f"{told}: quote a value with spaces, letters beyond a to z, or any of "
        f"=,()[]{{}}: for the shell and for the setting: {typed}"
    )


def incomplete(argument: str) -> str:
    """Say of an argument that its setting or its value is missing."""
    return f"{argument[:LONGEST]!r} cannot be read: write setting=value"


def interpolation(error: BaseException, arguments: list[str]) -> str | None:
    """Say which setting another one refers to in vain."""
    if isinstance(error, InterpolationKeyError):
        missing, key = first_line(error).split("'")[1], str(error.full_key)
        return other_kind(missing, key, arguments) or (
            f"{missing} is missing, to which {key} refers: do not remove it"
        )
    if isinstance(error, InterpolationResolutionError):
        return f"{error.full_key} refers to what is not there: {first_line(error)}"
    return None


def other_kind(missing: str, key: str, arguments: list[str]) -> str | None:
    """Say that the choice of one group has no setting to which that of another refers, if so.

    A `BayesianNet` has no latents of its examples, so that there is no posterior or prior of them.
    """
    typed = {word.lstrip("+").partition("=")[0]: word.lstrip("+") for word in arguments}
    group, _, setting = missing.partition(".")
    ours, other = typed.get(group, ""), typed.get(key.partition(".")[0], "")
    known = read_choice(group, ours.partition("=")[2]) if ours else {}
    if not known or not other or setting.partition(".")[0] in known:
        return None
    return (
        f"{ours} has no {setting}, to which {key} refers: leave {other} out, which is for a model "
        "with latents of each example, and of one size"
    )


def root(error: BaseException) -> BaseException:
    """Return the first cause of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def missing_choice(error: MissingConfigException) -> str:
    """Say which choices a config group has."""
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return f"there is no config {name}; leave --config-name out"
    package = package_for(group, name)
    if package is not None:
        return f"{group}={name} needs a package: pip install {package}"
    # Of a choice in a list Hydra does not say what there is.
    options = list(error.options or choices(group))
    told = f"{group}={name} does not exist"
    meant = choice_meant(group, name) if is_group(group) else []
    if meant:
        return f"{told}; did you mean {' or '.join(meant)}?"
    return f"{told}{hint(name, options)}" if options else first_line(error)


def hint(name: str, options: list[str]) -> str:
    """Return the nearest option, or all of them."""
    close = get_close_matches(name, options, 1)
    if close:
        return f"; did you mean {close[0]}?"
    groups = sorted({option.partition(".")[0] for option in options})
    return f"; choose from {', '.join(groups)}"


def composition(error: Exception, arguments: list[str], command: str) -> str:
    """Say which override does not fit, and which setting it may have meant."""
    told = str(error)
    if "Ambiguous value" in told or "requires --multirun" in told:
        return f"{first_line(error)} Several values need a sweep: add -m."
    for argument in arguments:
        key, _, value = argument.lstrip("+~").partition("=")
        if f"Multiple values for {key}." in told and argument.startswith("+"):
            return f"{key} is chosen already: leave the + out of {argument[:LONGEST]}"
        named = value.isidentifier() and value.lower() not in ("null", "true", "false")
        if NO_CHOICE in told and key and is_group(key) and not named and value[:1] != "[":
            return f"{key}={value[:LONGEST]} is not a choice{hint(value, choices(key))}"
        if f"'{key}'" in told or f"'{key}=" in told or f"'{argument}'" in told:
            if command == "eval" and argument.startswith("data."):
                return f"settings of the data are added in an evaluation: +{argument[:LONGEST]}"
            if "stage=prior" in arguments and argument.startswith("data."):
                return f"settings of the checkpoint's own data are added: +{argument[:LONGEST]}"
            return misfit(argument, known_settings(arguments, argument, command), command)
    return first_line(root(error))


def settings_are_others(key: str, settings: Mapping[str, Any]) -> bool:
    """Say whether a setting is of a part from outside, whose names nobody knows here."""
    node = lookup(settings, key.rpartition(".")[0], None)
    target = node.get("_target_") if isinstance(node, Mapping) else None
    home = target.partition(".")[0] if isinstance(target, str) else ""
    return bool(settings.get("plugins")) and home in {
        str(name).partition(".")[0] for name in settings["plugins"]
    }


def misfit(argument: str, settings: Mapping[str, Any], command: str) -> str:
    """Say why a setting cannot be overridden, added or removed."""
    key, _, value = argument.lstrip("+~").partition("=")
    known = list(keys(settings))
    if key not in known:
        if key.startswith("hydra"):
            return f"{key} is not a setting of Hydra: --cfg hydra shows those that there are"
        if settings_are_others(key, settings):
            return f"{key} is a setting of a part of your own: add it, +{argument[:LONGEST]}"
        if SWAPPED.get(key) in known:
            return f"{key} is not a setting; did you mean {SWAPPED[key]}={value[:LONGEST]}?"
        return f"{key} is not a setting{setting_meant(argument, settings, command)}"
    if argument.startswith("+"):
        return f"{key} is a setting already: leave the + out"
    if argument.startswith("~"):
        return f"{key} cannot be removed; choose another value"
    return f"{argument[:LONGEST]} does not fit the other settings given"
