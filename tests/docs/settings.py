"""The settings that there are, read from conf/ without composing it."""

__all__ = ["PLACEHOLDER", "composed", "known_settings", "settings_and_flags", "stand_in", "unknown"]

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser

from vae.cli.app import at_home, ordered
from vae.cli.compose import CONF, choices, compose_settings

PLACEHOLDER = re.compile(r"<[^<>]*>|[\w./-]*…|\$\w+")
PROJECT = ("data", "experiment", "model", "objective", "prior")  # to which vae init adds a choice
ADDED = {group: {"mine"} for group in PROJECT}
ADDED["objective"].add("squared")  # by a reader, as these two
ADDED["prior"].add("heavy")
ADDED["experiment"].add("waves")
SEARCH = (
    "hydra/sweeper=optuna",
    "hydra.sweeper.",
    "hydra/launcher=joblib",
    "hydra.launcher.n_jobs",
)
SETTING = re.compile(r"[+~]{0,2}([A-Za-z][\w./]*)(?:@([\w.]+))?=(.*)")


def stand_in(words: Sequence[str], *, place: str = "outputs/stand-in") -> list[str]:
    """Return a command's words with something in place of what only a reader has."""
    return [PLACEHOLDER.sub(place, word) for word in words if word != "…"]


def settings_and_flags(words: list[str], command: str = "train") -> tuple[list[str], list[str]]:
    """Return the settings of a command line as Hydra is handed them, and the flags before them."""
    given = [at_home(word) for word in ordered(words, command)]
    settings = get_args_parser().parse_intermixed_args(given).overrides
    return settings, given[: len(given) - len(settings)]


def composed(command: str, words: list[str]) -> dict[str, Any]:
    """Return the settings of a command line, of a sweep those of its first job."""
    settings, _ = settings_and_flags(words, command)
    added = {f"{group}={name}" for group, names in ADDED.items() for name in names}
    settings = [setting for setting in settings if setting not in added]
    first = []
    for override in OverridesParser.create().parse_overrides(settings):
        if override.input_line.startswith(SEARCH):  # of a package that may not be installed
            continue
        if override.is_interval_sweep():
            first.append(f"{override.get_key_element()}={override.value().start}")
        elif override.is_sweep_override():
            value = next(iter(override.sweep_string_iterator()))
            first.append(f"{override.get_key_element()}={value}")
        else:
            first.append(override.input_line)
    return compose_settings(first, command=command, resolve=False)


@cache
def known_settings() -> set[str]:
    """Return every dotted name of conf/, with the groups and what lies above a setting."""
    names = set()
    for path in CONF.rglob("*.yaml"):
        text = path.read_text()
        package = re.search(r"^# @package (\S+)", text)
        group = path.parent.relative_to(CONF).as_posix()
        prefix = package[1] if package else group
        names |= {group, prefix}
        prefix = "" if prefix in (".", "_global_") else f"{prefix}."
        names |= {prefix + name for name in dotted(yaml.safe_load(text) or {})}
    return names | {f"schedule@{name}" for name in names}


def dotted(tree: Any, above: str = "") -> set[str]:
    """Return the names of a tree's nodes and leaves."""
    found = set()
    for key, value in tree.items() if isinstance(tree, dict) else ():
        found |= {f"{above}{key}"} | dotted(value, f"{above}{key}.")
    return found


def unknown(span: str) -> str | None:
    """Return what is wrong with settings that a text names, such as `seed=0` or `data=mnist`."""
    if "(" in span:  # a call
        return None
    for word in re.split(r"[ ,](?=[+~]?[\w.]+=)", span):
        found = SETTING.fullmatch(word.strip("'"))
        if found is None or found[1].isupper():
            continue
        name, value = found[2] or found[1], found[3]
        if name.startswith("hydra"):
            continue
        if name not in known_settings() and not (CONF / name).is_dir():
            return f"{name} is no setting"
        group = found[1]
        if (CONF / group).is_dir() and re.fullmatch(r"\[?[\w,]+\]?", value):
            allowed = {*choices(group), *ADDED.get(group, ()), "null"}
            wrong = set(value.strip("[]").split(",")) - allowed
            if wrong:
                return f"{group} has no {', '.join(sorted(wrong))}"
    return None
