"""From a ``data`` config group to a data module."""

__all__ = ["make_data"]

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from vae.data.data_module import DataModule
from vae.data.source import Source

MEMBERS = (
    "has_test",
    "has_val",
    "load",
    "prepare",
    "spec",
)  # of a source, derived from ours or not


def make_data(
    config: dict[str, Any], instantiate: Callable[[dict[str, Any]], Source]
) -> DataModule:
    """Build the data module that a ``data`` config group describes.

    Keys that `DataModule` takes go to it; the others are there for short names on the command line
    and must occur under ``source``, which refers to them.

    Args:
        config: The resolved group, with a node ``source``.
        instantiate: Turns the node ``source`` into a `Source`.

    Raises:
        ValueError: If a key is neither, naming the nearest one that is, or the source is none.
    """
    own = set(inspect.signature(DataModule).parameters) - {"source"}
    allowed = own | set(config["source"]) - {"_target_"}
    for key in sorted(set(config) - allowed - {"source"}):
        near = difflib.get_close_matches(key, allowed, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(sorted(allowed))}."
        raise ValueError(f"data has no setting {key!r}; {hint}")
    settings = {key: config[key] for key in own & set(config)}
    source = instantiate(config["source"])
    if missing := [name for name in MEMBERS if name not in dir(source)]:
        raise ValueError(
            f"data.source must be a vae.data.Source; {type(source).__name__} has no "
            f"{', '.join(missing)}"
        )
    return DataModule(source, **settings)
