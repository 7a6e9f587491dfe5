"""What a page shows of a section: text and addresses, for the template to place."""

__all__ = ["flattened", "shown", "shown_picture"]

import base64
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from markupsafe import Markup
from torch import Tensor

from vae.evaluation import Picture, Section, encode_gif, labelled
from vae.evaluation.drawing.render import as_image
from vae.evaluation.section import Best, cell, quantity
from vae.reports.typeset import unbroken


def shown(key: str, section: Section, pictures: Mapping[tuple[str, str], Path]) -> dict[str, Any]:
    """Return what the page shows of a section.

    Args:
        key: Its name, which is its address in the page.
        section: What was measured.
        pictures: The file of each picture, by section and title.
    """
    return {
        "key": key,
        "title": section.title,
        "notes": [unbroken(note) for note in section.notes],
        "figures": [
            {"name": f.name, "unit": f.unit, "text": unbroken(quantity(f.value, f.error))}
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
    kinds = [{name: kind_of(row[name], numeric[name]) for name in names} for row in rows]
    return {
        "title": title,
        "columns": [(heading(name), numeric[name]) for name in names],
        "rows": [
            [(written(row[name], kind[name]), kind[name]) for name in names]
            for row, kind in zip(rows, kinds, strict=True)
        ],
    }


def heading(name: str) -> str:
    """Return the name of a column; one made of settings stays as they are typed."""
    return name if "=" in name else unbroken(name.replace("_", " "))


def written(value: Any, kind: str) -> str:
    """Return the text of a value of a table; a name from somebody's file stays as it is."""
    return unbroken(cell(value)) if kind else cell(value)


def kind_of(value: Any, numeric: bool) -> str:
    """Return how a value stands in its column: ``number``, ``quantity`` with its error, or text."""
    if numeric:
        return "number"
    best = isinstance(value, Best)
    return "quantity best" if best else "quantity" if " ± " in str(value) else ""


def is_number(value: Any) -> bool:
    """Say whether a value stands at the right of its column."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def shown_picture(title: str, picture: Picture, path: Path | None = None) -> dict[str, Any]:
    """Return a picture as the page holds it; of a film, what its file holds, words and all."""
    film = path if path is not None and path.suffix == ".mp4" else None
    pixels = labelled(picture.pixels, picture.rows) if film else picture.pixels
    height, width = pixels.shape[-2:]
    return {
        "title": title.replace("_", " "),
        "note": unbroken(picture.note),
        "rows": [] if film else spans(picture.rows),
        "legend": picture.legend,
        "width": width // picture.density,
        "height": height // picture.density,
        "sharp": picture.density == 1,  # enlarged pixels stay squares
        "video": film is not None,
        "source": address(*(("video/mp4", film.read_bytes()) if film else still(pixels))),
        # Made by our own plots, with every name escaped, and of drawing elements alone.
        "svg": None if picture.svg is None else Markup(picture.svg),
    }


def still(pixels: Tensor) -> tuple[str, bytes]:
    """Return pixels as a file without the words that stand in the margin of one of its own."""
    if pixels.dim() == 4:
        return "image/gif", encode_gif(pixels)
    held = BytesIO()
    as_image(pixels).save(held, "PNG", optimize=True)
    return "image/png", held.getvalue()


def address(kind: str, content: bytes) -> str:
    """Return an address that holds a file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def spans(rows: Sequence[str]) -> list[tuple[str, int]]:
    """Return each label with the number of rows that it is for: its own and those without one."""
    found: list[tuple[str, int]] = []
    for label in rows:
        if label or not found:
            found.append((unbroken(label), 1))
        else:
            found[-1] = (found[-1][0], found[-1][1] + 1)
    return found if any(label for label, _ in found) else []


def flattened(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name of every value and the value as text."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            yield f"{prefix}{key}", ", ".join(map(cell, value))
        else:
            yield f"{prefix}{key}", cell(value)
