"""Refusals of a setting in one sentence: what it must be, and what was given."""

__all__ = ["check_bool", "check_choice", "check_int", "check_range"]

from collections.abc import Collection


def check_int(name: str, value: object, *, low: int = 1, optional: bool = False) -> None:
    """Raise a ``ValueError`` unless ``value`` is whole and ≥ ``low``, or an optional ``None``."""
    if optional and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}; got {value!r}.")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise a ``ValueError`` unless ``value`` lies in [low, high]."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}; got {value}")


def check_bool(name: str, value: object, *, optional: bool = False) -> None:
    """Raise a ``ValueError`` unless ``value`` is true or false, or ``None`` if ``optional``."""
    if optional and value is None:
        return
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false; got {value!r}.")


def check_choice(name: str, value: object, choices: Collection[str | None]) -> None:
    """Raise a ``ValueError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        listed = ", ".join("null" if c is None else c for c in choices)
        raise ValueError(f"{name} must be one of {listed}; got {value!r}.")
