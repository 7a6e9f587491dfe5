"""A report as files: ``metrics.json`` and a folder of pictures."""

__all__ = ["write_files"]

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from vae.evaluation import Report, Section, labelled, save_movie, save_picture
from vae.files import replace_durably


def write_files(report: Report, folder: Path) -> dict[tuple[str, str], Path]:
    """Write the figures to ``metrics.json`` and each picture, moving or not, to ``pictures/``.

    Returns:
        The file of each picture, by section and title.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(finite(report.as_dict()), indent=2, allow_nan=False)
    content = f"{text}\n".encode()
    replace_durably({folder / "metrics.json": lambda file: file.write(content)})
    return {
        (name, title): write_picture(section, title, folder / "pictures")
        for name, section in report.sections.items()
        for title in section.pictures
    }


def write_picture(section: Section, title: str, folder: Path) -> Path:
    """Write one picture of a section and return its path."""
    name, picture = title.replace(" ", "_"), section.pictures[title]
    pixels = labelled(picture.pixels, picture.rows)
    if pixels.dim() == 4:
        return save_movie(folder / f"{name}.{section.movie_format}", pixels)
    return save_picture(folder / f"{name}.png", pixels)


def finite(node: Any) -> Any:
    """Return plain values with ``None`` for every number that JSON does not know."""
    if isinstance(node, Mapping):
        return {key: finite(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [finite(value) for value in node]
    return None if isinstance(node, float) and not isfinite(node) else node
