"""The folders in which choices are looked for: ours, and those of the user.

A folder ``conf/`` of the working directory is the user's if it holds the file `MARKER`; another one
is named by ``--config-dir``. Theirs come last and add choices: none of them replaces one of ours.
"""

__all__ = [
    "CONF",
    "MARKER",
    "choice_file",
    "choices",
    "config_folders",
    "configs_of",
    "groups",
    "is_group",
    "read_choice",
    "searching",
]

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

CONF = Path(__file__).parents[1] / "conf"
MARKER = "vae.yaml"  # in a folder of configs that is found without being named
FLAGS = ("--config-dir", "-cd")  # of Hydra


class OwnConfigs(SearchPathPlugin):
    """Lets Hydra look into the user's folders after ours.

    Attributes:
        named: The folder that ``--config-dir`` names, of the command that runs.
        found: All folders of the user's, of the command that runs; ``None`` if none does.
    """

    named: Path | None = None
    found: tuple[Path, ...] | None = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the folders."""
        for folder in config_folders()[1:]:
            search_path.append("own", f"file://{folder}")


Plugins.instance().register(OwnConfigs)


def own_folders(named: Path | None) -> tuple[Path, ...]:
    """Return the user's folders of configs, each once.

    Args:
        named: By ``--config-dir``.
    """
    marked = Path.cwd() / "conf"
    found = [marked] if (marked / MARKER).is_file() else []
    return tuple(dict.fromkeys(path.resolve() for path in [*found, *([named] if named else [])]))


def config_folders() -> tuple[Path, ...]:
    """Return all folders of configs, ours first."""
    found = OwnConfigs.found
    return (CONF, *(own_folders(None) if found is None else found))


@contextmanager
def configs_of(arguments: list[str]) -> Iterator[None]:
    """Take ``--config-dir`` out of arguments, and look for configs where the user has them.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it names none, or holds a name that is taken.
    """
    named = take_config_dir(arguments)
    with searching(named, own_folders(named)):
        yield


def check_readable(folder: Path) -> None:
    """Refuse a folder of configs in which a file is none.

    Raises:
        ValueError: Naming the file, and what is wrong.
    """
    for path in sorted(folder.rglob("*.yaml")):
        try:
            OmegaConf.load(path)
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            mark = getattr(error, "problem_mark", None)
            line = "" if mark is None else f", line {mark.line + 1}"
            told = getattr(error, "problem", None) or str(error).splitlines()[0]
            raise ValueError(f"{path}{line} is no config: {told}") from error


@contextmanager
def searching(named: Path | None, found: tuple[Path, ...]) -> Iterator[None]:
    """Look for configs in these folders too, as long as the context lasts.

    Args:
        named: The folder that ``--config-dir`` names.
        found: All folders of the user's.

    Raises:
        ValueError: If a file in one of them has the name of another one.
    """
    check_names((CONF, *found))
    for folder in found:
        check_readable(folder)
    before = OwnConfigs.named, OwnConfigs.found
    OwnConfigs.named, OwnConfigs.found = named, found
    try:
        yield
    finally:
        OwnConfigs.named, OwnConfigs.found = before


def check_names(folders: Sequence[Path]) -> None:
    """Refuse a file that another folder has under the same name, which Hydra would pass over."""
    there: dict[Path, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder)
            if name in there:
                whose = "ours" if there[name] == CONF else f"one in {there[name]}"
                raise ValueError(
                    f"{path} has the name of {whose}, {name.with_suffix('').as_posix()}, which it "
                    "cannot replace: give it another name"
                )
            if name != Path(MARKER):
                there[name] = folder


def take_config_dir(arguments: list[str]) -> Path | None:
    """Take ``--config-dir`` out of arguments, and return the folder that it names.

    Raises:
        ValueError: If it names none.
        FileNotFoundError: If there is no such folder.
    """
    given, rest = None, list[str]()
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in FLAGS:
            given = value if equals else next(words, "")
        else:
            rest.append(word)
    arguments[:] = rest
    if given is None:
        return None
    if not given:
        raise ValueError("--config-dir needs a folder of configs: --config-dir my_configs")
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}, which --config-dir names")
    return folder.resolve()


def groups() -> list[str]:
    """Return the names of all config groups."""
    return sorted({p.name for top in config_folders() for p in top.iterdir() if p.is_dir()})


def is_group(name: str) -> bool:
    """Say whether a name is that of a config group."""
    return any((folder / name).is_dir() for folder in config_folders())


def choices(group: str) -> list[str]:
    """Return the options of a config group."""
    found = (folder / group for folder in config_folders())
    return sorted({path.stem for folder in found for path in folder.glob("*.yaml")})


def choice_file(group: str, choice: str) -> Path | None:
    """Return the file of a choice; ``None`` if there is none."""
    paths = (folder / group / f"{choice}.yaml" for folder in config_folders())
    return next((path for path in paths if path.is_file()), None)


def read_choice(group: str, choice: str) -> dict[str, Any]:
    """Return the settings of a choice, and of those of its group that it builds on, unresolved."""
    path = choice_file(group, choice)
    own = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path else {}
    read: dict[str, Any] = {}
    for below in own.pop("defaults", ()):
        if isinstance(below, str) and below not in ("_self_", choice):
            read |= read_choice(group, below)
    return {**read, **own}
