"""A report as files: ``metrics.json`` and a folder of pictures."""

__all__ = ["write_files"]

import json
from pathlib import Path

from vae.evaluation import Report, save_picture


def write_files(report: Report, folder: Path) -> dict[tuple[str, str], Path]:
    """Write the figures to ``metrics.json`` and each picture to ``pictures/``.

    Returns:
        The file of each picture, by section and title.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n")
    return {
        (name, title): save_picture(folder / "pictures" / f"{title.replace(' ', '_')}.png", picture)
        for name, section in report.sections.items()
        for title, picture in section.pictures.items()
    }
