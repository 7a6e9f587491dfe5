"""Figures of matplotlib as pixels of a file, and as SVG elements that a page holds."""

__all__ = ["DPI", "INK", "STYLE", "UNIT", "pixels_of", "svg_of"]

import re
from hashlib import sha256
from io import StringIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

UNIT, DPI = 72, 144  # pixels of CSS, and of a file, to the inch: twice as many for sharp screens
INK = "#010203"  # becomes the text colour of the page, dark or light
SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
NAMES = ("g", "defs", "clipPath", "path", "rect", "use", "text", "tspan", "image")
KEPT = {f"{{{SVG}}}{name}" for name in NAMES}
STYLE: dict[Any, Any] = {  # matplotlib types its names as literals
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 12,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.facecolor": "none",
    "axes.grid.axis": "both",
    "figure.facecolor": "none",
    "font.size": 12,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "vae",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 12,
    "ytick.color": INK,
    "ytick.labelsize": 12,
}


def svg_of(figure: Any) -> str:
    """Return a figure drawn in `STYLE` as an SVG element: equal figures give equal texts.

    Text stays text, in the font of the page. One unit is one pixel of CSS at the natural size. It
    refers to nothing outside itself, and its ids are those of no other figure.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    written = StringIO()
    with matplotlib.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(written, metadata={"Date": None})
    text = written.getvalue()
    mark = f"p{sha256(text.encode()).hexdigest()[:10]}-"
    root = ElementTree.fromstring(text)
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    used = {f"#{name}" for name in ids} & set(re.findall(r"#\w+", text))
    cleaned(root, used, mark)
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib |= {"width": width, "height": height, "style": "stroke-linejoin: round"}
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", LINK)
    return ElementTree.tostring(root, encoding="unicode")


def pixels_of(figure: Any, ground: str = "white") -> Tensor:
    """Return a figure on a ground as uint8 ``(3, height, width)``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_facecolor(ground)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return torch.from_numpy(pixels).permute(2, 0, 1)


def cleaned(node: ElementTree.Element, used: set[str], mark: str) -> None:
    """Leave out what only a file of its own needs, in place, and tie ids to this figure."""
    for child in list(node):
        if child.tag in KEPT:
            cleaned(child, used, mark)
        else:
            node.remove(child)
    if f"#{node.attrib.get('id')}" not in used:
        node.attrib.pop("id", None)
    for name, value in node.attrib.items():
        if name == "id":
            value = mark + value
        elif name == f"{{{LINK}}}href" and value in used:
            value = f"#{mark}{value[1:]}"
        value = value.replace("url(#", f"url(#{mark}").replace(INK, "currentColor")
        value = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", value)  # older matplotlib
        node.attrib[name] = re.sub(r"font-family: [^;]*;? ?", "", value)
