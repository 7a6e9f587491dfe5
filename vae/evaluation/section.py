"""What an evaluation gives: figures with the protocol that made them, tables and pictures."""

__all__ = ["Best", "Embedding", "Figure", "NotApplicable", "Section", "averaged", "standard_error"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, isfinite, log10
from typing import Any, NamedTuple

from torch import Tensor

from vae.evaluation.drawing.picture import Picture

DIGITS = 3  # after the first of a value below 1, or after the point, that a reader can use
SMALLEST = 1e-6  # error that is written out digit by digit


class NotApplicable(ValueError):
    """An evaluation has no meaning for this model or these data; the message says why."""


class Figure(NamedTuple):
    """One measured value.

    Attributes:
        name: In words, for a reader.
        value: The value, or ``None`` where it could not be determined.
        unit: Of the value and of the error, such as ``nats``; empty for a pure number.
        error: Standard error of the value, where it is known.
    """

    name: str
    value: float | int | None
    unit: str = ""
    error: float | None = None

    def __str__(self) -> str:
        """Return the value with its error and unit."""
        return f"{quantity(self.value, self.error)} {self.unit}".rstrip()


class Embedding(NamedTuple):
    """Points to be looked at in TensorBoard's projector.

    Attributes:
        points: ``(N, D)``.
        columns: For each name a value per point: labels, factors.
        thumbnails: A picture per point, ``(N, 3, H, W)`` in [0, 1]; ``None`` where there is none.
    """

    points: Tensor
    columns: Mapping[str, Sequence[Any]]
    thumbnails: Tensor | None = None


class Best(str):
    """The text of a table's value that is better than the others in its row, beyond the error."""


@dataclass(frozen=True)
class Section:
    """The result of one evaluation.

    Args:
        title: Its heading.
        figures: By a short key, under which they stand in ``metrics.json`` and TensorBoard.
        protocol: Everything the figures depend on besides model and data: numbers of samples and
            points, bins, seeds; plain values.
        tables: By title, rows of plain values with equal keys.
        series: Long results that only a program reads, plain values.
        pictures: By title.
        notes: What a reader should know, in whole sentences.
        embeddings: Points for TensorBoard's projector.
        movie_format: Of the files of moving pictures: ``gif`` or ``mp4``.
    """

    title: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    series: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    notes: Sequence[str] = ()
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    movie_format: str = "gif"

    def as_dict(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds of this section."""
        figures: dict[str, Any] = {}
        for key, figure in self.figures.items():
            figures[key] = figure.value
            if figure.error is not None:
                figures[f"{key}_standard_error"] = figure.error
        parts = {"tables": self.tables, "series": self.series, "notes": list(self.notes)}
        filled = {name: part for name, part in parts.items() if part}
        return {"figures": figures, "protocol": dict(self.protocol), **filled}


def standard_error(values: Tensor) -> float:
    """Return the standard error of the mean of independent values ``(N,)``; NaN of one alone."""
    return values.std().item() / len(values) ** 0.5 if len(values) > 1 else float("nan")


def averaged(name: str, values: Tensor, unit: str = "") -> Figure:
    """Return the mean of independent values ``(N,)`` with its standard error, if it has one."""
    error = standard_error(values) if len(values) > 1 else None
    return Figure(name, values.mean().item(), unit, error)


def cell(value: Any) -> str:
    """Return a plain value as a reader wants it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quantity(value) if value is None or isinstance(value, (int, float)) else str(value)


def quantity(value: float | int | None, error: float | None = None) -> str:
    """Return a number as a reader wants it: to two digits of its error, or with four digits.

    An estimated error of exactly 0 is that of values that are all alike, at a bound as often as
    not: it says nothing of how far the mean is known, and is not written.
    """
    if value is None:
        return "–"
    if error and isfinite(error) and isfinite(value):
        return with_error(value, error)
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.3f}" if abs(value) >= 0.01 else f"{value:.3g}"


def with_error(value: float | int, error: float) -> str:
    """Return a value and its error, to two digits of the error, but four of the value or so.

    >>> with_error(2.89012, 0.0213), with_error(4.787492, 8e-6), with_error(0.0123, 0.00021)
    ('2.890 ± 0.021', '4.787 ± <0.001', '0.01230 ± 0.00021')
    """
    digits = max(0, 1 - floor(log10(error)))
    most = max(DIGITS, DIGITS - floor(log10(abs(value)))) if value else digits
    if digits > most and error < 10**-most:
        return f"{value:,.{most}f} ± <{10**-most:g}"
    if error < SMALLEST:
        return f"{quantity(value)} ± {error:.1g}"
    digits = min(digits, most)
    return f"{value:,.{digits}f} ± {error:,.{digits}f}"
