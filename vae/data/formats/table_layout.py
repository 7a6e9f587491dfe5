"""How a table in text is laid out: what separates values, its names, which columns are texts."""

__all__ = ["DECIMALS", "SEPARATORS", "TableLayout", "find_layout", "lines_of", "split"]

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

SEPARATORS = {"tab": "\t", "semicolon": ";", "comma": ",", "space": None}  # as they are tried
DECIMALS = {"point": ".", "comma": ","}
LONGEST = 1 << 24  # characters of a line, or of one value between quotes
LOOKED_AT = 1000  # lines from which the layout is told
WORDS = re.compile(r'"([^"]*)"|(\S+)')
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WITH_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
SAID = ("na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "?", "-", ".")
MISSING = {"", "NaN", "-NaN"}.union(*((w, w.upper(), w.capitalize()) for w in SAID))
TRUTH = {w: str(v) for v, t in enumerate(("false", "true")) for w in (t, t.upper(), t.title())}

Lines = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class TableLayout:
    """How the rows of a table are read.

    Attributes:
        separator: Between two values; ``None`` is any white space.
        decimal: The sign before decimals.
        names: Of the columns.
        texts: Which of them hold texts, by their first value that is not missing.
        first: The line of the first row, from 1.
        has_header: Whether the names stand in the file.
        row_names: Whether the first column has no name in the file, which names rows.
    """

    separator: str | None
    decimal: str
    names: tuple[str, ...]
    texts: frozenset[str]
    first: int
    has_header: bool
    row_names: bool


def find_layout(
    path: Path, separator: str | None, decimal: str | None, header: bool | None
) -> TableLayout:
    """Return the layout of a table, seen from its first lines.

    Args:
        path: The file.
        separator: One of `SEPARATORS`; ``None`` takes the first that cuts all rows alike.
        decimal: One of `DECIMALS`; ``None`` finds it, a point where commas separate.
        header: Whether the first line holds names; ``None`` if what stands there is text, and in
            the row below it a number.

    Raises:
        ValueError: If there are no rows, or names and rows do not fit.
    """
    lines = list(islice(lines_of(path), LOOKED_AT))
    if not lines:
        raise ValueError(f"{path} is empty: a table has a row for each example.")
    texts = [text for _, text in lines]
    mark = found_separator(texts) if separator is None else SEPARATORS[separator]
    rows = [split(text, mark) for text in texts]
    point = found_decimal(rows, mark) if decimal is None else DECIMALS[decimal]
    has_header = looks_like_names(rows, point) if header is None else header
    if has_header and len(rows) == 1:
        raise ValueError(f"{path} holds names of columns, and no row below them.")
    width = found_width(rows[0] if has_header else [], rows[has_header:])
    given = rows[0] if has_header else comment_names(path, mark, width)
    given = given[:-1] if len(given) == width + 1 and not given[-1] else given
    if has_header and len(given) == width - 1:  # as R writes names of rows
        given = ["", *given]
    if has_header and len(given) != width:
        raise ValueError(
            f"{path} names {len(given)} columns in line {lines[0][0]} and has {width} values in "
            f"line {lines[1][0]}: make them as many, or set data.separator."
        )
    names = tuple(name or f"column_{i}" for i, name in enumerate(given or [""] * width))
    return TableLayout(
        separator=mark,
        decimal=point,
        names=names,
        texts=frozenset(n for i, n in enumerate(names) if is_text(rows[has_header:], i, point)),
        first=lines[has_header][0],
        has_header=has_header,
        row_names=has_header and not given[0] and width > 1,
    )


def lines_of(path: Path) -> Lines:
    """Yield number and text of each line with values; one value in quotes may fill several lines.

    Empty lines, and those that begin with #, are passed over.

    Raises:
        ValueError: If the file is no text in UTF-8, or a line or a value does not end.
    """
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(LONGEST):
                number, begun = number + 1, number + 1
                while line.count('"') % 2 and len(line) < LONGEST and line[:1] != "#":
                    more = file.readline(LONGEST)
                    if not more:
                        raise ValueError(f"{path}: a quotation mark in line {begun} has no second.")
                    line, number = line + more, number + 1
                if len(line) >= LONGEST:
                    raise ValueError(f"{path}: line {begun} has {LONGEST:,} characters or more.")
                text = line.rstrip("\n")
                if text and line[0] != "#" and not text.isspace():
                    yield begun, text
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text in UTF-8 (after line {number}): save it so, as “CSV UTF-8” in a "
            "spreadsheet or by iconv -f latin1 -t utf-8."
        ) from error


def split(text: str, separator: str | None) -> list[str]:
    """Return the values of a row, without spaces around them."""
    if separator is None:
        return [quoted or plain for quoted, plain in WORDS.findall(text)]
    if '"' not in text:
        return [value.strip() for value in text.split(separator)]
    try:
        (row,) = csv.reader([text], delimiter=separator, skipinitialspace=True)
    except (csv.Error, ValueError):  # a line's end outside quotes, or a very long value
        return text.split(separator)
    return [value.strip() for value in row]


def found_width(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns there are; nothing behind a separator at each row's end is none."""
    width = len(rows[0])
    ended = width > 1 and not any(row[-1] for row in rows)
    return width - 1 if ended and (len(names) < width or not names[-1]) else width


def found_separator(texts: Sequence[str]) -> str | None:
    """Return what cuts all rows into as many values, two or more; of one column, a comma."""
    for mark in SEPARATORS.values():
        rows = [split(text, mark) for text in texts]
        widths = {len(row) for row in rows[1:] or rows}  # names may be one less, as R writes them
        if len(widths) == 1 and max(widths) > 1:
            return mark
    return next((m for m in SEPARATORS.values() if m and all(m in t for t in texts)), ",")


def found_decimal(rows: Sequence[Sequence[str]], separator: str | None) -> str:
    """Return a comma if there are numbers with one and none with a point."""
    values = [value for row in rows for value in row]
    with_point = any("." in value and NUMBER.fullmatch(value) for value in values)
    commas = separator != "," and any(WITH_COMMA.fullmatch(value) for value in values)
    return "," if commas and not with_point else "."


def is_number(value: str, decimal: str) -> bool:
    """Say whether a value is a number, or a truth value, which is 0 or 1."""
    return value in TRUTH or bool(NUMBER.fullmatch(value.replace(decimal, ".")))


def looks_like_names(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Say whether the first row holds names: texts where the next has numbers, or texts alone."""
    first = [value not in MISSING and not is_number(value, decimal) for value in rows[0]]
    if not any(first):
        return False
    below = rows[1] if len(rows) > 1 else []
    numbers = [value in MISSING or is_number(value, decimal) for value in below[: len(first)]]
    no_number = not any(is_number(value, decimal) for value in rows[0])
    return no_number or any(t and n for t, n in zip(first, numbers, strict=False))


def is_text(rows: Sequence[Sequence[str]], column: int, decimal: str) -> bool:
    """Say whether the first value of a column that is not missing is no number."""
    values = (row[column] for row in rows if column < len(row))
    return any(
        not is_number(v, decimal) for v in islice((v for v in values if v not in MISSING), 1)
    )


def comment_names(path: Path, separator: str | None, width: int) -> list[str]:
    """Return names from a comment above the first row, if they are as many as the columns."""
    last = ""
    with path.open(encoding="utf-8-sig") as file:
        for line in islice(iter(lambda: file.readline(LONGEST), ""), LOOKED_AT):
            if line[0] != "#" and not line.isspace():
                break
            last = line.strip() or last
    names = split(last.lstrip("# "), separator)
    return names if len(names) == width and all(names) else []
