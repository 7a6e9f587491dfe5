"""What the user sees before and after a run, on a console of `vae.terminal`."""

__all__ = ["show_commands", "show_report", "show_run"]

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae.cli.overrides import hydra_quoted, naming
from vae.cli.typed_words import command_line
from vae.data import DataModule
from vae.evaluation import Report
from vae.evaluation.measures.prior_gap import NEAR_LIMIT
from vae.evaluation.section import cell, quantity
from vae.models import Model


def show_run(
    console: Console, model: Model, data: DataModule, folder: Path, told: Mapping[str, str]
) -> None:
    """Say what is about to be trained, on what, how long, at which scale, and where."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in {**data.describe(), **told}.items():
        table.add_row(name, str(value))
    for name, part in model.named_children():
        count = sum(p.numel() for p in part.parameters())
        if part is not model.standardize:
            table.add_row(name, f"{count:,} parameters")
    table.add_row("run folder", str(folder))
    console.print(table)


def show_report(
    console: Console, report: Report, folder: Path, *, title: str = "", figures: bool = True
) -> None:
    """Print the figures and tables of a report and where it lies.

    Args:
        console: Where to print.
        report: What was measured.
        folder: Where it was written.
        title: Above the figures; the report's own by default.
        figures: Whether to print them, or only the place.
    """
    if figures:
        table = figure_table(report, title or report.title)
        if table.row_count:
            console.print(table)
        else:
            console.print(title, highlight=False, soft_wrap=True)
        for note in notes_of(report):
            console.print(note)
        for name, reason in report.left_out.items():
            console.print(f"{name} left out: {reason}", style="dim")
    page = shortened(folder) / "report.html"
    console.print(f"report: {page}", soft_wrap=True)


def notes_of(report: Report) -> list[str]:
    """Return the notes of all sections; what two say of the mutual information, as the last does.

    On a page each stands beside its figures; here they would stand below each other.
    """
    notes = [note for section in report.sections.values() for note in section.notes]
    near = [note for note in notes if note.startswith(NEAR_LIMIT)]
    return [note for note in notes if note not in near] + near[-1:]


def figure_table(report: Report, title: str) -> Table:
    """Return the figures of every section as one table."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.caption = f"{report.protocol['split']} data of {report.protocol['data']['data']}"
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for section in report.sections.values():
        if not section.figures:
            continue
        table.add_row(Text(section.title, style="bold"))
        for figure in section.figures.values():
            table.add_row(figure.name, quantity(figure.value, figure.error), figure.unit)
        table.add_section()
    return table


def show_comparison(console: Console, report: Report, folder: Path) -> None:
    """Print mean and deviation of each variant and where the comparison lies."""
    for section in report.sections.values():
        for title, rows in section.tables.items():
            table = Table(title=f"{section.title}: {title}", title_justify="left")
            for name in rows[0]:
                table.add_column(name)
            for row in rows:
                table.add_row(*(cell(value) for value in row.values()))
            console.print(table)
    show_report(console, report, folder, figures=False)


def show_commands(
    console: Console,
    folder: Path,
    checkpoint: Path,
    further: Sequence[str],
    plugins: Sequence[str] = (),
    *,
    use: str = "sample(64).shape",
) -> None:
    """Print commands to go on with, ready to paste.

    Args:
        console: Where.
        folder: Of the run.
        checkpoint: The best one.
        further: Settings of a longer run.
        plugins: Which the run has, and which every command names again.
        use: What to call of the model.
    """
    folder, checkpoint = shortened(folder), shortened(checkpoint)
    literal = json.dumps(str(checkpoint), ensure_ascii=False)  # of Python too, for the shell's '
    given = f", plugins={json.dumps([*plugins], ensure_ascii=False)}" if plugins else ""
    names = "torch, vae" if "torch." in use else "vae"
    code = f"import {names}; print(vae.load({literal}{given}).{use})"
    again = naming(plugins)
    commands = {
        "look": ["tensorboard", "--logdir", str(folder.parent)],
        "evaluate": [*command_line("eval"), f"checkpoint={hydra_quoted(checkpoint)}", *again],
        use.partition("(")[0]: ["python", "-c", code],
        "go on": [*command_line("train"), f"resume={hydra_quoted(folder)}", *further, *again],
    }
    for name, words in commands.items():
        line = Text.assemble((f"{name:<9}", "bold"), f" {shlex.join(words)}")
        console.print(line, soft_wrap=True)


def shortened(path: Path) -> Path:
    """Return a path relative to the working directory, if it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
