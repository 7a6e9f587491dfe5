"""The user's own tables: rows of numbers in a text file, with names of the columns."""

__all__ = ["Table"]

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from vae.checks import check_bool, check_choice
from vae.data.formats.foreign import foreign_file, foreign_folder
from vae.data.formats.table_columns import Columns, choose_columns
from vae.data.formats.table_layout import DECIMALS, SEPARATORS, TableLayout, find_layout
from vae.data.formats.table_rows import Rows, read_rows
from vae.data.formats.values import told_range
from vae.data.labels import Classes, as_classes
from vae.data.source import Source, Splits, TensorExamples
from vae.spec import DataSpec

SUPPORTS = ("real", "unit_interval", "boolean")
KINDS = (None, "classes", "real")
FEW = 100  # values of a target of whole numbers up to which they are taken as classes
NUMPY = b"\x93NUMPY"
HEAD = 4096  # bytes that are looked at


@final
class Table(Source):
    """N rows of D numbers in a text file: values between commas, semicolons, tabs or spaces.

    The first line may hold names of the columns; lines that begin with # are passed over. Values
    may stand in quotes, truth values become 0 and 1, and where commas do not separate values they
    may stand before decimals.

    Args:
        path: The file, in UTF-8; ``~`` is the home folder.
        columns: Names of the columns that make up x; ``None`` takes all of numbers but the target.
        leave_out: Names of columns that are not read, where ``columns`` is ``None``.
        target: Name of a column that x is to tell, and which is not part of it. Classes become the
            labels, real numbers a field ``target`` ``(N,)`` for models and objectives that read
            it.
        target_kind: ``classes``, ``real``, or ``None``: texts, and whole numbers of at most 100
            values, are classes.
        missing: What becomes of a row that lacks a value: ``refuse`` or ``drop``.
        header: Whether the first line holds names; ``None`` if it holds texts where numbers
            follow. Without names columns are called column_0, column_1 ….
        separator: ``comma``, ``semicolon``, ``tab`` or ``space``; ``None`` finds it.
        decimal: The sign before decimals, ``point`` or ``comma``; ``None`` finds it.
        support: ``real``, ``unit_interval`` or ``boolean``: where x lies.

    Raises:
        ValueError: If a setting is not allowed.
    """

    def __init__(
        self,
        path: str,
        *,
        columns: Sequence[str | int] | None = None,
        leave_out: Sequence[str | int] = (),
        target: str | int | None = None,
        target_kind: str | None = None,
        missing: str = "refuse",
        header: bool | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        support: str = "real",
    ) -> None:
        if not path:
            raise ValueError("data=table needs data.path=<a .csv or other table in text>.")
        self.path = Path(path).expanduser().absolute()
        # A name of digits is a number in a config.
        self.columns = texts(columns)
        self.leave_out = texts(leave_out)
        self.target = None if target is None else str(target)
        self.target_kind = target_kind
        self.missing = missing
        self.header = header
        self.separator = separator
        self.decimal = decimal
        self.support = support
        self._check()

    def _check(self) -> None:
        check_choice("data.missing", self.missing, ("refuse", "drop"))
        check_choice("data.separator", self.separator, (None, *SEPARATORS))
        check_choice("data.decimal", self.decimal, (None, *DECIMALS))
        check_choice("data.support", self.support, SUPPORTS)
        check_choice("data.target_kind", self.target_kind, KINDS)
        check_bool("data.header", self.header, optional=True)
        if self.target is not None and self.target in (self.columns or ()):
            raise ValueError(
                f"data.target={self.target} is no part of x: leave it out of data.columns"
            )
        if self.columns is not None and self.leave_out:
            raise ValueError(
                "data.columns says which columns are read, and data.leave_out which are not: use "
                "one of them."
            )
        if self.decimal == "comma" and self.separator == "comma":
            raise ValueError("data.decimal and data.separator cannot both be a comma.")

    @cached_property
    def spec(self) -> DataSpec:
        """Shape and range; the file is read, once.

        Raises:
            FileNotFoundError: If it does not exist.
            ValueError: If it is no table, or columns are not there or hold what they should not.
        """
        classes, real = self._classes, self._target is not None
        return DataSpec(
            name=self.path.stem,
            shape=(len(self._columns.x),),
            support=self.support,
            levels=2 if self.support == "boolean" else None,
            num_classes=None if classes is None else classes.num_classes,
            class_names=() if classes is None else classes.names,
            fields={"target": {"shape": (), "dtype": "float32"}} if real else {},
        )

    def prepare(self) -> None:
        """Do nothing: the file is the user's."""

    def load(self) -> Splits:
        """Return the rows; the file is read, once.

        Raises:
            FileNotFoundError: If it does not exist.
            ValueError: If it is no table, or columns are not there or hold what they should not.
        """
        spec, rows, target = self.spec, self._rows, self._target
        examples = TensorExamples(
            torch.from_numpy(rows.x),
            None if self._classes is None else self._classes.labels["train"],
            fields={"target": target} if target is not None else {},
        )
        facts = {"values": told_range(examples, np.dtype(np.float64), spec), **self._columns.told}
        if not self._layout.has_header:
            facts["names"] = "none in the first line"
        if self._classes is not None:
            facts["labels"] = f"{self.target}, {self._classes.told}"
        elif target is not None:
            facts["fields"] = f"target ({self.target})"
        if rows.missing:
            facts["rows dropped"] = f"{rows.missing:,} that lack a value"
        return Splits(examples, facts=facts)

    @cached_property
    def _layout(self) -> TableLayout:
        check_file(self.path)
        return find_layout(self.path, self.separator, self.decimal, self.header)

    @cached_property
    def _columns(self) -> Columns:
        return choose_columns(self.path, self._layout, self.columns, self.leave_out, self.target)

    @cached_property
    def _rows(self) -> Rows:
        return read_rows(self.path, self._layout, self._columns, drop=self.missing == "drop")

    @cached_property
    def _classes(self) -> Classes | None:
        stored = self._rows.target
        if stored is None:
            return None
        check_varies(stored, self.target, self.path)
        if self.target_kind == "real":
            return None
        if stored.dtype.kind == "f":
            whole = (stored == stored.round()).all() and abs(stored).max() < 1 << 53
            if self.target_kind is None and not (whole and len(np.unique(stored)) <= FEW):
                return None
            stored = stored.astype(np.int64) if whole else stored
        subject = f"Values of the column {self.target} of {self.path}"
        try:
            return as_classes({"train": stored}, {"train": len(stored)}, None, subject=subject)
        except ValueError as error:
            told = str(error).replace("data.label_key=none", "data.target_kind=real")
            raise ValueError(told) from error

    @cached_property
    def _target(self) -> Tensor | None:
        stored = self._rows.target
        if stored is None or self._classes is not None:
            return None
        if stored.dtype.kind != "f" or abs(stored).max() > np.finfo(np.float32).max:
            raise ValueError(
                f"{self.path}: the column {self.target} holds texts, or numbers above 3e38, and so "
                "is no real target: leave data.target_kind out."
            )
        return torch.from_numpy(stored.astype(np.float32))


def check_varies(stored: np.ndarray, target: str | None, path: Path) -> None:
    """Refuse a target that is the same in every row, of which there is nothing to predict.

    Raises:
        ValueError: If there are several rows, and it is.
    """
    if len(stored) > 1 and (stored == stored[0]).all():
        raise ValueError(
            f"{path}: the target column {target} is {stored[0]} in every row, so that there is "
            "nothing to predict: set data.target to another column, or leave it out."
        )


def check_file(path: Path) -> None:
    """Refuse what is no file of text.

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If it is of another kind, and what reads that.
    """
    if path.is_dir():
        raise FileNotFoundError(foreign_folder(path, "data.path", "a table in text, such as .csv,"))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: set data.path to a table in text.")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(NUMPY):
        raise ValueError(f"{path} is a NumPy file: data=array data.path=<it> reads those.")
    if b"\0" in head:
        raise ValueError(
            foreign_file(path, for_table=True) or f"{path} is no text in UTF-8, and so no table."
        )


def texts(names: Any) -> Any:
    """Return a list of names as texts; anything else as it is, to be refused."""
    return [str(name) for name in names] if isinstance(names, list | tuple) else names
