"""A report as files: ``metrics.json`` and a folder of pictures."""

__all__ = ["write_files"]

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from vae.evaluation import Report, save_picture


def write_files(report: Report, folder: Path) -> dict[tuple[str, str], Path]:
    """Write the figures to ``metrics.json`` and each picture to ``pictures/``.

    Returns:
        The file of each picture, by section and title.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(finite(report.as_dict()), indent=2, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n")
    return {
        (name, title): save_picture(folder / "pictures" / f"{title.replace(' ', '_')}.png", picture)
        for name, section in report.sections.items()
        for title, picture in section.pictures.items()
    }


def finite(node: Any) -> Any:
    """Return plain values with ``None`` for every number that JSON does not know."""
    if isinstance(node, Mapping):
        return {key: finite(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [finite(value) for value in node]
    return None if isinstance(node, float) and not isfinite(node) else node
