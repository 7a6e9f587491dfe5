"""The figures of a run as a table of a spreadsheet, ``metrics.csv``."""

__all__ = ["TableLog"]

import csv
from collections.abc import Mapping
from functools import partial
from io import StringIO
from pathlib import Path
from typing import IO, Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from vae.files import replace_durably
from vae.training.cutting import FINAL

STEP = "step"


class TableLog(Logger):
    """One row for each time that figures are logged, one column for each figure.

    Lightning's own `CSVLogger` (2.6) deletes the table of a run that is gone on with, and keeps a
    hundred rows in memory. Here a row is in the file when it was logged, and a resumed run goes on
    below the rows up to its checkpoint.

    Args:
        save_dir: The folder of the table.
        name: Of its file.

    Attributes:
        path: The file.
    """

    def __init__(self, save_dir: str, *, name: str = "metrics.csv") -> None:
        super().__init__()
        self.path = Path(save_dir) / name
        self.columns: list[str] | None = None  # of the file; unknown until something is logged

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def version(self) -> str:
        """None: a run has one table."""
        return ""

    @property
    def save_dir(self) -> str:
        """The folder of the table."""
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add a row.

        Raises:
            OSError: If the disk is full.
        """
        row = {STEP: step, **{name: float(value) for name, value in metrics.items()}}
        if self.columns is None:
            self.columns = list(self.rows()[:1][0]) if self.rows() else []
        if set(row) <= set(self.columns):
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(row)
        else:
            self.rewrite([*self.rows(), row])

    def log_hyperparams(self, params: Any, *arguments: Any, **settings: Any) -> None:
        """Do nothing: the settings stand in the run's folder."""

    @rank_zero_only
    def cut(self, step: int) -> None:
        """Drop what a run that goes on at a step is going to log again; see `cut_events`."""
        rows = self.rows()
        kept = [row for row in rows if int(row[STEP]) <= step and not is_final(row)]
        if len(kept) < len(rows):
            self.rewrite(kept)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the file."""
        if not self.path.is_file():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def rewrite(self, rows: list[dict[str, Any]]) -> None:
        """Write the whole table, with a column for each figure of any row."""
        names = {name for row in rows for name in row} - {STEP}
        self.columns = [STEP, *sorted(names)]
        text = StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_durably({self.path: partial(write, text.getvalue())})


def write(text: str, file: IO[bytes]) -> None:
    """Write all of a text."""
    file.write(text.encode())


def is_final(row: Mapping[str, Any]) -> bool:
    """Say whether a row is of the end of a run."""
    return any(value and name.startswith(FINAL) for name, value in row.items())
