"""The rows of a table in text as numbers, block by block, so that the text is never held whole."""

__all__ = ["Rows", "read_rows"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae.data.formats.table_columns import Columns
from vae.data.formats.table_layout import MISSING, TRUTH, TableLayout, is_number, lines_of, split
from vae.data.labels import MAX_CLASSES
from vae.data.precision import narrowed

BLOCK = 1 << 23  # characters that are read at once
LONGEST_NAME = 200  # characters of the name of a class
SHOWN = 40  # characters of a wrong value that a message repeats


@dataclass
class Rows:
    """What is read of a table.

    Attributes:
        x: ``(N, D)`` float32, or float64 where that is needed to tell values apart.
        target: ``(N,)``, float64 or texts; ``None`` without a target.
        missing: How many rows were dropped for a missing value.
    """

    x: np.ndarray
    target: np.ndarray | None
    missing: int


class Reader:
    """Reads the chosen columns of a table.

    Args:
        path: The file.
        layout: Of it.
        chosen: Which columns are read.
        drop: Whether rows with missing values are left out, and not refused.

    Attributes:
        numbers: Names of the columns of numbers, a target's at last.
        text: Name of the column of texts, if one is read.
        codes: Of these texts, in the order in which they are met.
    """

    def __init__(self, path: Path, layout: TableLayout, chosen: Columns, *, drop: bool) -> None:
        self.path, self.layout, self.drop = path, layout, drop
        self.text = chosen.target if chosen.target_is_text else None
        last = [] if chosen.target is None or chosen.target_is_text else [chosen.target]
        self.numbers = [*chosen.x, *last]
        self.codes: dict[str, int] = {}
        places = {name: i for i, name in enumerate(layout.names)}
        self.columns = [places[name] for name in self.numbers]
        self.place = None if self.text is None else places[self.text]

    def block(self, lines: list[int], rows: list[str]) -> tuple[np.ndarray, np.ndarray, int]:
        """Return numbers ``(n, D)``, codes of texts ``(n,)`` and how many rows were dropped."""
        self.check_widths(lines, rows)
        values = self.at_once(rows)
        if values is None:
            values = self.one_by_one(lines, rows)
        codes = np.zeros(len(rows), np.int64)
        if self.place is not None:
            codes[:] = [self.code(line, row) for line, row in zip(lines, rows, strict=True)]
        gone = np.isnan(values).any(1) | (codes < 0)
        if gone.any() and not self.drop:
            at = int(gone.argmax())
            empty = np.flatnonzero(np.isnan(values[at]))
            column = self.numbers[empty[0]] if len(empty) else self.text
            raise ValueError(
                f"{self.path}, line {lines[at]}: {column} is missing. Fill it in, or leave out all "
                "rows that lack a value by data.missing=drop."
            )
        return values[~gone], codes[~gone], int(gone.sum())

    def check_widths(self, lines: list[int], rows: list[str]) -> None:
        """Refuse a row that has not as many values as there are columns."""
        width, mark = len(self.layout.names), self.layout.separator
        for line, row in zip(lines, rows, strict=True):
            if '"' in row:
                found = len(split(row, mark))
            else:
                found = len(row.split()) if mark is None else row.count(mark) + 1
            if found != width and not (found == width + 1 and row.rstrip(" ")[-1:] == mark):
                raise ValueError(
                    f"{self.path}, line {line}: {found} values, and there are {width} columns."
                )

    def at_once(self, rows: list[str]) -> np.ndarray | None:
        """Return the numbers of rows, or ``None`` unless each is one as it stands."""
        if self.layout.decimal != ".":
            rows = [row.replace(self.layout.decimal, ".") for row in rows]
        if any("\n" in row for row in rows):
            return None
        found = parsed(rows, self.layout.separator, self.columns)
        return found if found is not None and np.isfinite(found).all() else None

    def one_by_one(self, lines: list[int], rows: list[str]) -> np.ndarray:
        """Return the numbers of rows, NaN where one is missing.

        Raises:
            ValueError: Naming line and column of a value that is no number.
        """
        said = {**dict.fromkeys(MISSING, "nan"), **TRUTH}
        kept = []
        for row in rows:
            values = split(row, self.layout.separator)
            taken = [values[i].replace(self.layout.decimal, ".") for i in self.columns]
            kept.append([said.get(value, value) for value in taken])
        found = parsed(["\t".join(row) for row in kept], "\t", range(len(self.columns)))
        if found is not None and not np.isinf(found).any():
            return found
        for line, found_values in zip(lines, kept, strict=True):
            for name, value in zip(self.numbers, found_values, strict=True):
                if value != "nan" and not (is_number(value, ".") and np.isfinite(float(value))):
                    raise ValueError(
                        f"{self.path}, line {line}: {name} is {value[:SHOWN]!r}, which is no "
                        "finite number."
                    )
        raise ValueError(f"{self.path}, lines {lines[0]} to {lines[-1]}: no numbers.")

    def code(self, line: int, row: str) -> int:
        """Return the number of the text of a row, −1 if it is missing."""
        assert self.place is not None
        value = split(row, self.layout.separator)[self.place]
        if value in MISSING:
            return -1
        if len(value) > LONGEST_NAME or len(self.codes) > MAX_CLASSES:
            raise ValueError(
                f"{self.path}, line {line}: {self.text} holds texts of more than {LONGEST_NAME} "
                f"characters or more than {MAX_CLASSES:,} of them, and so no classes."
            )
        return self.codes.setdefault(value, len(self.codes))


def read_rows(path: Path, layout: TableLayout, chosen: Columns, *, drop: bool) -> Rows:
    """Read some columns of a table.

    Args:
        path: The file.
        layout: Of it.
        chosen: The columns.
        drop: Whether rows with a missing value are left out; else they are refused.

    Raises:
        ValueError: If a value is no number or is missing, or no row is left.
    """
    reader = Reader(path, layout, chosen, drop=drop)
    found = [reader.block(*block) for block in blocks(path, layout.first)]
    missing, total = sum(gone for *_, gone in found), sum(len(values) for values, *_ in found)
    if not total:
        raise ValueError(f"{path} has no row without a missing value.")
    numbers, codes = np.empty((total, len(reader.numbers))), np.empty(total, np.int64)
    while found:  # let go one by one, so that the table is held once
        values, own, _ = found.pop()
        start = total - len(values)
        numbers[start:total], codes[start:total] = values, own
        total = start
    x = np.ascontiguousarray(narrowed(numbers[:, : len(chosen.x)]))
    if chosen.target is None:
        return Rows(x, None, missing)
    names = np.array(list(reader.codes) or [""])
    return Rows(x, names[codes] if chosen.target_is_text else numbers[:, -1].copy(), missing)


def blocks(path: Path, first: int) -> Iterator[tuple[list[int], list[str]]]:
    """Yield lines' numbers and texts from a line on, some megabytes at once."""
    lines: list[int] = []
    rows: list[str] = []
    size = 0
    for number, text in lines_of(path):
        if number < first:
            continue
        lines.append(number)
        rows.append(text)
        size += len(text)
        if size >= BLOCK:
            yield lines, rows
            lines, rows, size = [], [], 0
    if rows:
        yield lines, rows


def parsed(rows: list[str], separator: str | None, columns: Sequence[int]) -> np.ndarray | None:
    """Return columns of numbers, or ``None`` if a value is none."""
    try:
        return np.loadtxt(
            rows, delimiter=separator, usecols=columns, quotechar='"', comments=None, ndmin=2
        )
    except ValueError:
        return None
