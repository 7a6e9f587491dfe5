"""A report as one self-contained page."""

__all__ = ["write_page"]

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import vae
from vae.evaluation import Report
from vae.evaluation.section import quantity
from vae.files import replace_durably
from vae.reports.curve import draw_curve
from vae.reports.groups import LEAD, grouped
from vae.reports.shown import flattened, shown, shown_picture
from vae.reports.typeset import breakable, unbroken
from vae.reports.verdict import verdict

HEADLINES = {  # figures in the cards, by section, with names that fit there
    ("predictions", "accuracy"): "accuracy",
    ("predictions", "rmse"): "RMSE",
    ("predictions", "r2"): "R²",
    ("predictions", "log_likelihood"): "log p(y|x)",
    ("predictions", "ece"): "calibration error",
    ("predictions", "coverage_error"): "calibration error",
    ("bound", "elbo"): "ELBO",
    ("bound", "nll"): "−log p(x)",
    ("bound", "bits_per_dim"): "bits per dimension",
    ("bound", "nll_per_step"): "−log p(x) a time step",
    ("bound", "kl"): "KL(q ‖ p)",
    ("bound", "active_units"): "active dimensions",
}
BARE = ("bits_per_dim", "active_units")  # whose names have the unit


def write_page(report: Report, pictures: Mapping[tuple[str, str], Path], path: Path) -> None:
    """Write ``report.html``: verdict, samples, figures with their protocol, tables and pictures.

    Args:
        report: What was measured.
        pictures: The file of each picture, by section and title.
        path: Where to write.
    """
    # A name may come from somebody else's checkpoint or files: everything is escaped.
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["breakable"] = breakable
    parts = {key: shown(key, part, pictures) for key, part in report.sections.items()}
    text = templates.get_template("page.html").render(
        title=report.title,
        subtitle=f"written by vae {vae.__version__} on {datetime.now():%Y-%m-%d at %H:%M}",
        verdict=[remark._replace(text=unbroken(remark.text)) for remark in verdict(report)],
        cards=cards(report),
        lead=parts.get(LEAD),
        curve=shown_curve(report),
        groups=[(title, [parts[name] for name in names]) for title, names in grouped(parts)],
        protocol=list(flattened(report.protocol)),
        details=[(title, list(flattened(node))) for title, node in report.details.items()],
        left_out=[(name, unbroken(reason)) for name, reason in report.left_out.items()],
    )
    replace_durably({path: lambda file: file.write(text.encode())})


def cards(report: Report) -> list[dict[str, str]]:
    """Return the figures that stand largest."""
    figures = {
        (name, key): figure
        for name, section in report.sections.items()
        for key, figure in section.figures.items()
    }
    return [
        {
            "name": name,
            "text": unbroken(quantity(figures[place].value, figures[place].error)),
            "unit": "" if place[1] in BARE else figures[place].unit,
        }
        for place, name in HEADLINES.items()
        if place in figures
    ]


def shown_curve(report: Report) -> dict[str, Any] | None:
    """Return the curve of training, if the checkpoint has two validations or more."""
    if len(report.history) < 2:
        return None
    step = report.protocol.get("step")
    return shown_picture("ELBO during training", draw_curve(report.history, step))
