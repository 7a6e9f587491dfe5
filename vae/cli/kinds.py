"""The classes that the settings of a run name, of which some things are asked before it begins.

Not every class is ours: one that does not say something of itself has it not.
"""

__all__ = ["kind_of", "kinds"]

from collections.abc import Iterator, Mapping
from typing import Any

from vae.instantiate import resolve
from vae.nested import lookup

PARTS = ("model", "posterior", "prior", "likelihood", "objective", "estimator", "optimizer")
COLLECTIONS = ("penalties", "callbacks")  # of parts, by name


def kinds(settings: Mapping[str, Any]) -> Iterator[tuple[str, type[Any]]]:
    """Yield the name and the class of each part of a run that trains, those of collections too."""
    for group in PARTS:
        if settings.get(group):
            yield group, resolve(settings[group]["_target_"], group)
    for group in COLLECTIONS:
        for name, node in settings[group].items():
            yield name, resolve(node["_target_"], group)


def kind_of(settings: Mapping[str, Any], name: str) -> type[Any] | None:
    """Return the class that a part at a dotted name is of; ``None`` if there is no such part."""
    node = lookup(settings, name, None)
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return None if target is None else resolve(target, name.partition(".")[0])
