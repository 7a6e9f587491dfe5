"""A report as files: ``metrics.json`` and a folder of pictures."""

__all__ = ["write_files"]

import json
from pathlib import Path

from vae.evaluation import Report, save_picture


def write_files(report: Report, folder: Path) -> None:
    """Write the figures to ``metrics.json`` and each picture to ``pictures/``."""
    for section in report.sections.values():
        for title, picture in section.pictures.items():
            save_picture(folder / "pictures" / f"{title.replace(' ', '_')}.png", picture)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n")
