"""Where a run's files are: kept so that they are found again from another folder."""

__all__ = ["PLACES", "fix_places", "read_only", "with_places"]

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vae.cli.summary import hydra_quoted
from vae.data.cache import CACHE
from vae.files import holds_cache

PLACES = ("path", "labels", "factors", "root", "cache")  # settings of the data that name files


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


def read_only(data: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return the settings of the data in a file, so that nothing is written where that says.

    A cache is kept there only if there is one already; else in the usual folder. Nothing is
    downloaded.

    Args:
        data: What the file holds, which may be somebody else's.
        given: Settings that the user gave anew, which stay.
    """
    result = {**data}
    if "cache" in data and "cache" not in given and not holds_cache(str(data["cache"])):
        result["cache"] = CACHE
    if "download" in data and "download" not in given:
        result["download"] = False
    return result
