"""Which columns of a table make up x, which is its target, and which are left out."""

__all__ = ["Columns", "choose_columns"]

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from vae.data.formats.table_layout import TableLayout

MANY = 12  # names that a message lists


class Columns(NamedTuple):
    """Columns of a table by name.

    Attributes:
        x: Those of an example, in order; all hold numbers.
        target: That of its target.
        target_is_text: Whether it holds texts.
        left_out: Those that are not read.
    """

    x: list[str]
    target: str | None
    target_is_text: bool
    left_out: list[str]

    @property
    def told(self) -> dict[str, str]:
        """What a run's summary says of them."""
        told = {"columns": listed(self.x)}
        return told | {"left out": f"columns {listed(self.left_out)}"} if self.left_out else told


def choose_columns(
    path: Path,
    layout: TableLayout,
    columns: Sequence[str] | None,
    leave_out: Sequence[str],
    target: str | None,
) -> Columns:
    """Return the columns that are read.

    A first column without a name in the file names rows, and is left out unless it is chosen.

    Args:
        path: The file, for messages.
        layout: Of it.
        columns: Names of those of x; ``None`` takes all of numbers but the target.
        leave_out: Names of those that are not read.
        target: Name of the target.

    Raises:
        ValueError: If a name is none of the table's, or of two columns, or texts would be read.
    """
    check_lists(columns, leave_out)
    for setting, names in {
        "data.columns": columns or (),
        "data.leave_out": leave_out,
        "data.target": () if target is None else (target,),
    }.items():
        for name in names:
            check_name(path, layout, name, setting)
    if columns is not None:
        x = list(columns)
        if texts := [name for name in x if name in layout.texts]:
            raise ValueError(f"{with_texts(path, texts)}leave them out of data.columns.")
    else:
        x = all_but(path, layout, leave_out, target)
    if not x:
        raise ValueError(f"{path} has no column of numbers for x; it has {listed(layout.names)}.")
    left = [name for name in layout.names if name not in x and name != target]
    return Columns(x, target, target in layout.texts, left)


def all_but(
    path: Path, layout: TableLayout, leave_out: Sequence[str], target: str | None
) -> list[str]:
    """Return the names of all columns but the target and those that are left out.

    Raises:
        ValueError: If there are texts among them, or two are called alike.
    """
    unread = {target, *leave_out, *(layout.names[:1] if layout.row_names else ())}
    names = [name for name in layout.names if name not in unread]
    if texts := [name for name in names if name in layout.texts]:
        numbers = [name for name in names if name not in layout.texts]
        ways = [f"data.leave_out={bracketed([*leave_out, *texts])}"]
        ways += [f"data.columns={bracketed(numbers)}"] if 0 < len(numbers) <= MANY else []
        ways += [f"data.target={quoted(texts[0])} for its classes"] if target is None else []
        raise ValueError(f"{with_texts(path, texts)}set {', or '.join(ways)}.")
    for name in names:
        check_name(path, layout, name, "data.columns")
    return names


def check_lists(columns: object, leave_out: object) -> None:
    """Refuse what is no list of names."""
    for setting, names in (("data.columns", columns), ("data.leave_out", leave_out)):
        listed_names = isinstance(names, list | tuple) and all(isinstance(n, str) for n in names)
        if names is not None and not listed_names:
            raise ValueError(f"{setting} must be a list of names, such as [a,b]; got {names!r}.")
    if isinstance(columns, list | tuple) and len(set(columns)) < len(columns):
        raise ValueError("data.columns names a column twice.")


def check_name(path: Path, layout: TableLayout, name: str, setting: str) -> None:
    """Refuse a name that is not that of one column."""
    count = layout.names.count(name)
    if count > 1:
        raise ValueError(
            f"{path} has {count} columns called {name!r}: give each a name of its own."
        )
    if count == 0:
        close = get_close_matches(name, layout.names, 1)
        hint = f"did you mean {close[0]}?" if close else f"it has {listed(layout.names)}."
        raise ValueError(f"{path} has no column {name!r}, which {setting} names; {hint}")


def with_texts(path: Path, texts: Sequence[str]) -> str:
    """Return the beginning of a sentence on columns of texts."""
    plural = "s" if len(texts) > 1 else ""
    return f"{path} holds texts in the column{plural} {listed(texts)}, and x is of numbers: "


def listed(names: Sequence[str]) -> str:
    """Return names for a message, of many the first and how many there are."""
    shown = ", ".join(in_one_line(name) for name in names[:MANY])
    return shown if len(names) <= MANY else f"{shown} … ({len(names):,} in all)"


def in_one_line(name: str) -> str:
    """Return a name with its ends of lines written out."""
    return "\\n".join(name.splitlines())


def bracketed(names: Sequence[str]) -> str:
    """Return names as a list that can be pasted into the command line."""
    return f"[{','.join(quoted(name) for name in names)}]"


def quoted(name: str) -> str:
    """Return a name as a setting's value."""
    return name if name.replace("_", "").isalnum() else f"'{in_one_line(name)}'"
