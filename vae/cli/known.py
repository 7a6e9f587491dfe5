"""The settings that a command has, for what is to be said of one that it does not have."""

__all__ = ["is_known", "known_settings", "top_names"]

from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vae.cli.compose import compose_settings
from vae.cli.search_path import CONF, groups, is_group

HYDRA = "hydra"


@cache
def own_names(command: str) -> frozenset[str]:
    """Return the first parts of the names of all settings of a command."""
    read = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))
    return frozenset({*read, HYDRA}) - {"defaults"}


def top_names(command: str) -> frozenset[str]:
    """Return the first parts of the names of all settings and groups of a command."""
    return own_names(command) | ({*groups()} if command == "train" else set())


def is_known(argument: str, command: str) -> bool:
    """Say whether a setting's name begins as one of the command's does."""
    name = argument.lstrip("+~").partition("=")[0]
    for sign in ("@", "/", "."):
        name = name.partition(sign)[0]
    return name in top_names(command)


def known_settings(arguments: Sequence[str], wrong: str, command: str) -> dict[str, Any]:
    """Return every setting of a command, composed without the wrong argument."""
    rest = [a for a in arguments if a != wrong and "=" in a and a[0] != "-"]
    rest = [a for a in rest if is_known(a, command)]
    groups = [a for a in rest if is_group(a.partition("=")[0])]
    for overrides in (rest, groups, []):
        try:
            return compose_settings(overrides, resolve=False, command=command)
        except (HydraException, OmegaConfBaseException, ValueError):
            continue  # more than one argument is wrong
    raise AssertionError("the configs as they stand do not compose")
