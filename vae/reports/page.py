"""A report as one self-contained page."""

__all__ = ["write_page"]

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import vae
from vae.evaluation import Picture, Report, Section, labelled
from vae.evaluation.section import cell, quantity

TYPES = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}
FEW_PIXELS = 700  # pictures below this width are drawn with sharp edges


def write_page(report: Report, pictures: Mapping[tuple[str, str], Path], path: Path) -> None:
    """Write ``report.html``: figures with their protocol, tables and pictures in one file.

    Args:
        report: What was measured.
        pictures: The file of each picture, by section and title.
        path: Where to write.
    """
    # A name may come from somebody else's checkpoint or files: everything is escaped.
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    text = templates.get_template("page.html").render(
        title=report.title,
        subtitle=f"written by vae {vae.__version__} on {datetime.now():%Y-%m-%d at %H:%M}",
        sections=[(key, shown(key, part, pictures)) for key, part in report.sections.items()],
        protocol=list(flattened(report.protocol)),
        details=[(title, list(flattened(node))) for title, node in report.details.items()],
        left_out=list(report.left_out.items()),
    )
    path.write_text(text, encoding="utf-8")


def shown(key: str, section: Section, pictures: Mapping[tuple[str, str], Path]) -> dict[str, Any]:
    """Return what the page shows of a section."""
    return {
        "title": section.title,
        "notes": section.notes,
        "figures": [
            {"name": f.name, "unit": f.unit, "text": quantity(f.value, f.error)}
            for f in section.figures.values()
        ],
        "tables": [shown_table(title, rows) for title, rows in section.tables.items()],
        "pictures": [
            shown_picture(title, picture, pictures[key, title])
            for title, picture in section.pictures.items()
        ],
        "protocol": list(flattened(section.protocol)),
    }


def shown_table(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a table with its numbers as text."""
    names = list(rows[0]) if rows else []
    numeric = {name: all(is_number(row[name]) for row in rows) for name in names}
    return {
        "title": title,
        "columns": [(name.replace("_", " "), numeric[name]) for name in names],
        "rows": [[(cell(row[name]), numeric[name]) for name in names] for row in rows],
    }


def is_number(value: Any) -> bool:
    """Say whether a value stands at the right of its column."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def shown_picture(title: str, picture: Picture, path: Path) -> dict[str, Any]:
    """Return a picture with its file inside."""
    height, width = labelled(picture.pixels, picture.rows).shape[-2:]
    data = base64.b64encode(path.read_bytes()).decode()
    return {
        "title": title.replace("_", " "),
        "width": width,
        "height": height,
        "pixels": width < FEW_PIXELS,
        "video": path.suffix == ".mp4",
        "source": f"data:{TYPES[path.suffix]};base64,{data}",
    }


def flattened(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name of every value and the value as text."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            yield f"{prefix}{key}", ", ".join(map(cell, value))
        else:
            yield f"{prefix}{key}", cell(value)
