"""Where a run's files are: there before torch is loaded, and found again from another folder."""

__all__ = ["CHECKPOINTS", "PLACES", "check_free", "check_places", "fix_places", "with_places"]

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vae.cli.checkpoint_paths import find_checkpoints
from vae.cli.naming import PLACE_OF_OWN_DATA
from vae.cli.overrides import hydra_quoted
from vae.cli.typed_words import command_line

PLACES = ("path", "labels", "factors", "root", "cache")  # settings of the data that name files
FILES = ("path", "labels", "factors")
KINDS = {"table": "a table in text", "sequences": "an .npz, .mat or .jsonl file"}
PLACES_TO_SEE = {
    data: FILES if name == "path" else (name,) for data, name in PLACE_OF_OWN_DATA.items()
}
STARTS = ("resume", "init", "checkpoint")
CHECKPOINTS, EXPORT = "checkpoints", "config.json"  # what the folder of a run or an export holds


def check_places(config: DictConfig, command: str, data: str = "") -> None:
    """Refuse a path at which there is nothing, so that it need not wait for torch.

    Whether what is there can be read is for those to say who read it.

    Args:
        config: The settings.
        command: ``train`` or ``eval``.
        data: The choice of ``data``.

    Raises:
        FileNotFoundError: Naming the path, and what to set.
        ValueError: If it is not said what to evaluate.
    """
    if command == "eval":
        check_evaluated(config)
        return
    for name in STARTS:
        given = config.get(name)
        if isinstance(given, str) and given != "auto":
            check_start(Path(given).expanduser())
    node = config.get("data")
    for name in PLACES_TO_SEE.get(data, ()) if isinstance(node, DictConfig) else ():
        given = node.get(name)
        if isinstance(given, str) and given and absent(Path(given)):
            raise FileNotFoundError(missing_data(name, Path.cwd() / Path(given).expanduser(), data))


def check_start(path: Path) -> None:
    """Refuse to start from what is neither a run, a checkpoint nor an export."""
    if absent(path):
        raise FileNotFoundError(f"no checkpoint at {path}")
    if path.is_dir() and not any((path / name).exists() for name in (CHECKPOINTS, EXPORT)):
        raise FileNotFoundError(
            f"nothing to go on from in {path}: give a run folder or a checkpoint"
        )


def check_free(folder: Path, resumed: Path | None) -> None:
    """Refuse to train in a folder that holds checkpoints of another run.

    Args:
        folder: Of the run.
        resumed: The checkpoint that it goes on from.

    Raises:
        ValueError: Naming the folder, and how to go on or elsewhere.
    """
    held = folder / CHECKPOINTS
    found = sorted(path.name for path in held.glob("*.ckpt"))
    if found and (resumed is None or not resumed.resolve().is_relative_to(held.resolve())):
        raise ValueError(
            f"{folder} holds the checkpoints of a run ({', '.join(found)}), which this one would "
            "replace: go on with it by resume=<that folder>, or choose another folder by "
            "hydra.run.dir=<a new folder>"
        )


def check_evaluated(config: DictConfig) -> None:
    """Refuse to evaluate nothing."""
    if OmegaConf.is_missing(config, "checkpoint"):
        raise ValueError(
            f"say what to evaluate: {shlex.join(command_line('eval'))} checkpoint=outputs/… (a "
            "run's folder, a folder of runs, or a .ckpt file)"
        )
    node = config.get("checkpoint")
    given: Any = OmegaConf.to_container(node) if OmegaConf.is_config(node) else [node]
    if all(isinstance(path, str) and path for path in given):
        find_checkpoints(given)


def missing_data(name: str, path: Path, data: str) -> str:
    """Say that a file or folder of the user's own data is missing."""
    if name == "root":
        return f"There is no folder {path}: set data.root to your own."
    kind = KINDS.get(data, "an .npy or .npz file")
    return f"{path} is no file: set data.{name} to {kind}."


def absent(path: Path) -> bool:
    """Say whether there is neither file nor folder at a path.

    Raises:
        OSError: If there cannot be one: the name is too long.
    """
    try:
        path.expanduser().stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def fix_places(config: DictConfig) -> dict[str, str]:
    """Make relative paths among the settings of the data absolute; return these settings.

    A path from the home folder stays as it is, so that it holds on another machine.
    """
    data = config.get("data")
    given: Any = OmegaConf.to_container(data) if isinstance(data, DictConfig) else {}
    fixed = {}
    for name in PLACES:
        value = given.get(name)
        if isinstance(value, str) and value and value[0] not in "~/$":
            fixed[f"data.{name}"] = data[name] = str(Path.cwd() / value)
    return fixed


def with_places(overrides: Iterable[str], places: Mapping[str, str]) -> list[str]:
    """Return overrides with the absolute paths in place of those that were given."""
    kept = [o for o in overrides if o.lstrip("+").partition("=")[0] not in places]
    return [*kept, *(f"{name}={hydra_quoted(Path(path))}" for name, path in places.items())]
