"""From a model to its report, and from a report to its files."""

__all__ = ["headline", "make_report", "write_report"]

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress
from torch.utils.tensorboard import SummaryWriter

from vae.cli.environment import describe_environment
from vae.evaluation import Evaluation, Report, Subject, measure
from vae.history import Point, points_of
from vae.reports import write_events, write_files, write_page
from vae.reports.verdict import net_name
from vae.saved import Saved, read_checkpoint
from vae.terminal import console
from vae.training.storage import LAST
from vae.visible import visible

BEST = "best.ckpt"


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
    title = f"{report.protocol['data']['data']} · {net_name(saved.config['model'])}"
    return replace(
        report,
        protocol={**weights, **report.protocol},
        title=title,
        details=details,
        config=saved.config,
        history=longest_history(saved),
    )


def longest_history(saved: Saved) -> tuple[Point, ...]:
    """Return the validations of a run: ``best.ckpt`` knows only those before it was written."""
    last = saved.path.with_name(LAST)
    if saved.path.name != BEST or not last.is_file():
        return saved.history
    try:
        later = points_of(read_checkpoint(last))
    except ValueError:  # damaged, which is no reason to refuse the best one
        return saved.history
    return max(saved.history, later, key=len)


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
