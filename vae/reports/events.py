"""A report in TensorBoard."""

__all__ = ["write_events"]

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from vae.evaluation import Embedding, Picture, Report, encode_gif, labelled
from vae.evaluation.section import cell

MARKS = re.compile(r"[\\`*_{}\[\]()#+!|-]")  # that mean something in Markdown


def write_events(
    report: Report, pictures: Mapping[tuple[str, str], Path], writer: SummaryWriter, step: int
) -> None:
    """Write figures, tables, notes, pictures and embeddings under ``<section>/<key>``.

    Args:
        report: What was measured.
        pictures: The file of each picture, by section and title.
        writer: Of the run's folder.
        step: The optimizer step of the weights.
    """
    for name, section in report.sections.items():
        for key, figure in section.figures.items():
            if figure.value is not None:
                writer.add_scalar(f"report/{name}/{key}", figure.value, step)
        for title, rows in section.tables.items():
            writer.add_text(f"report/{name}/{title}", markdown(rows), step)
        if section.notes:
            notes = "\n\n".join(map(escaped, section.notes))
            writer.add_text(f"report/{name}/notes", notes, step)
        for title, picture in section.pictures.items():
            tag = f"report/{name}/{title}"
            add_encoded(writer, tag, picture, pictures[name, title], step)
        for title, embedding in section.embeddings.items():
            add_embedding(writer, f"{name}-{title}", embedding, step)
    writer.flush()


def add_encoded(writer: SummaryWriter, tag: str, picture: Picture, path: Path, step: int) -> None:
    """Write the file of a picture as it is: ``add_video`` would want another package for a GIF."""
    pixels = labelled(picture.pixels, picture.rows)
    height, width = pixels.shape[-2:]
    encoded = encode_gif(pixels) if path.suffix == ".mp4" else path.read_bytes()
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
    file_writer: Any = writer._get_file_writer()
    file_writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)


def add_embedding(writer: SummaryWriter, tag: str, embedding: Embedding, step: int) -> None:
    """Write points for the projector."""
    header, columns = list(embedding.columns), list(embedding.columns.values())
    rows: Any = list(zip(*columns, strict=True))
    if len(columns) == 1:  # it must stand without a header
        header, rows = [], columns[0]
    writer.add_embedding(
        embedding.points,
        metadata=rows or None,
        metadata_header=header or None,
        label_img=embedding.thumbnails,
        global_step=step,
        tag=tag,
    )


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table as Markdown in which every cell is plain text."""
    if not rows:
        return ""
    lines = [list(map(escaped, rows[0])), ["---"] * len(rows[0])]
    lines += [[escaped(cell(value)) for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Return text of which Markdown makes that text: a name may come from somebody's files.

    Example:
        >>> print(escaped("log p(x|z) of <b>"))
        log p\\(x\\|z\\) of &lt;b&gt;
    """
    return MARKS.sub(r"\\\g<0>", escape(" ".join(text.split()), quote=False))
