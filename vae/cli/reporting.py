"""From a model to its report, and from a report to its files."""

__all__ = ["headline", "make_report", "write_report"]

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress
from torch.utils.tensorboard import SummaryWriter

from vae.cli.checkpoints import run_folder
from vae.cli.environment import describe_environment
from vae.evaluation import Evaluation, Report, Subject, measure
from vae.reports import write_events, write_files, write_page
from vae.saved import Saved
from vae.terminal import console
from vae.visible import visible


def make_report(subject: Subject, saved: Saved, evaluations: Mapping[str, Evaluation]) -> Report:
    """Make the evaluations of a saved model, with progress bars.

    Args:
        subject: The model and its data.
        saved: What the model was read from.
        evaluations: By name.
    """
    with Progress(console=console(), transient=True) as bar:
        subject.show_progress = lambda items, what, total: bar.track(
            items, total=total, description=escape(visible(what))
        )
        report = measure(subject, evaluations)
    weights = {"checkpoint": str(saved.path), "step": saved.step}
    details = {"settings of the run": saved.config, "environment": describe_environment()}
    name = run_folder(saved.path).name
    return replace(report, protocol={**weights, **report.protocol}, title=name, details=details)


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
