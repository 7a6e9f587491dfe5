"""The page of a fit: whether to trust it, its posterior, and chains beside it."""

__all__ = ["write_posterior"]

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae.evaluation import Report
from vae.evaluation.section import Section
from vae.reports import write_files, write_page


def write_posterior(
    folder: str | Path,
    sections: Mapping[str, Section],
    *,
    title: str = "A fitted posterior",
    protocol: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``report.html``, ``metrics.json`` and the pictures, and return the page.

    Args:
        folder: Where to; it is made if it is not there.
        sections: Of `diagnosis_section`, `posterior_section` and others, by name.
        title: Of the page.
        protocol: What all of them share.
    """
    report = Report(protocol or {}, sections, title=title)
    folder = Path(folder).expanduser()
    page = folder / "report.html"
    write_page(report, write_files(report, folder), page)
    return page
