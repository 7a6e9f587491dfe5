"""From a model to its report, and from a report to its files."""

__all__ = ["headline", "make_report", "write_report"]

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from torch.utils.tensorboard import SummaryWriter

from vae.data import DataModule
from vae.evaluation import Evaluation, Report, Subject, measure
from vae.models import Model
from vae.reports import write_events, write_files, write_page


def make_report(
    model: Model,
    data: DataModule,
    evaluations: Mapping[str, Evaluation],
    weights: Mapping[str, Any],
    **settings: Any,
) -> Report:
    """Make the evaluations of a model, with progress bars.

    Args:
        model: In evaluation mode.
        data: Its data.
        evaluations: By name.
        weights: Where they come from, for the protocol.
        settings: Of the `Subject`.
    """
    with Progress(console=Console(), transient=True) as bar:

        def track(items: Iterable[Any], what: str, total: int) -> Iterable[Any]:
            return bar.track(items, total=total, description=what)

        report = measure(Subject(model, data, track=track, **settings), evaluations)
    return replace(report, protocol={**weights, **report.protocol}, title=weights["checkpoint"])


def write_report(
    report: Report, folder: Path, writer: SummaryWriter | None, *, step: int = 0
) -> None:
    """Write figures, pictures and the page to a folder, and all of it to TensorBoard.

    Args:
        report: What was measured.
        folder: Where the files go.
        writer: Of TensorBoard's events, if there are to be any.
        step: The optimizer step of the weights.
    """
    pictures = write_files(report, folder)
    write_page(report, pictures, folder / "report.html")
    if writer is not None:
        write_events(report, pictures, writer, step)


def headline(report: Report) -> float:
    """Return the ELBO, or not a number where it was not measured."""
    section = report.sections.get("bound")
    value = section.figures["elbo"].value if section else None
    return float("nan") if value is None else float(value)
