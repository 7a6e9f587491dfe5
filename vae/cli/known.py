"""The settings that a command has, for what is to be said of one that it does not have."""

__all__ = ["is_known", "known_settings", "top_names"]

from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vae.cli.compose import CONF, compose_settings

HYDRA = "hydra"


@cache
def top_names(command: str) -> frozenset[str]:
    """Return the first parts of the names of all settings and groups of a command."""
    read = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))
    groups = {path.name for path in CONF.iterdir() if path.is_dir()} if command == "train" else ()
    return frozenset({*read, *groups, HYDRA}) - {"defaults"}


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
    groups = [a for a in rest if (CONF / a.partition("=")[0]).is_dir()]
    for overrides in (rest, groups, []):
        try:
            return compose_settings(overrides, resolve=False, command=command)
        except (HydraException, OmegaConfBaseException, ValueError):
            continue  # more than one argument is wrong
    raise AssertionError("the configs as they stand do not compose")
