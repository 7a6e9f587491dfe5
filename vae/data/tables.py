"""How a table in text is written, seen from its first two lines."""

__all__ = ["read_csv_arguments"]

from pathlib import Path

LONGEST = 1 << 20  # characters of a line that are looked at
SEPARATORS = ("\t", ";", ",")


def read_csv_arguments(path: Path) -> str:
    """Return what pandas' ``read_csv`` must be told of a file, as Python, after its name."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first, second = file.readline(LONGEST).strip(" \n"), file.readline(LONGEST).strip(" \n")
    row = second or first
    separator = next((mark for mark in SEPARATORS if mark in row), None)
    told = {"sep": {None: 'r"\\s+"', "\t": '"\\t"'}.get(separator, f'"{separator}"')}
    if separator is None and len(row.split()) < 2:
        told = {}  # one column, whose name may hold a space
    if separator != "," and "," in row:
        told["decimal"] = '","'
    if first.startswith("#"):
        told |= {"comment": '"#"', "header": "None"}
    elif all(is_number(field, told) for field in first.split(separator)):
        told["header"] = "None"
    return "".join(f", {name}={value}" for name, value in told.items())


def is_number(field: str, told: dict[str, str]) -> bool:
    """Say whether a field of the first line is a number or nothing, and so no name."""
    field = field.strip(' "')
    try:
        float((field.replace(",", ".") if "decimal" in told else field) or 0)
    except ValueError:
        return False
    return True
