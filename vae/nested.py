"""Nested settings by their dotted names."""

__all__ = ["keys", "leaves", "lookup"]

from collections.abc import Iterator, Mapping
from typing import Any

MISSING = object()


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of every setting below a node."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from leaves(value, f"{path}[{i}]")
    else:
        yield path, node


def keys(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every key below a node, of settings and of what holds them."""
    for key, value in node.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from keys(value, f"{prefix}{key}.")


def lookup(settings: Mapping[str, Any], name: str, default: Any = MISSING) -> Any:
    """Return the value at a dotted name.

    Raises:
        ValueError: If it is not there, and no default is given.
    """
    node: Any = settings
    for key in name.split("."):
        if not isinstance(node, Mapping) or key not in node:
            if default is MISSING:
                raise ValueError(f"{name} is missing: every run needs it, so do not remove it")
            return default
        node = node[key]
    return node
