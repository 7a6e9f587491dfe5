"""Where lines may break: not within a quantity, but after the dots of a setting."""

__all__ = ["breakable", "unbroken"]

import re

from markupsafe import Markup, escape

HARD = "\N{NO-BREAK SPACE}"
PARTED = re.compile(r" (?=[±‖=] )|(?<=[±‖=]) |(?<=\d) (?=%|(?:nats|bits|samples|steps)\b)")
MINUS = re.compile(r"(?<![\w.\-])-(?=\d)")


def unbroken(text: str) -> str:
    """Return text whose signs are minus signs and whose quantities stay on one line.

    >>> unbroken("-1.5 ± 0.2 nats, 90 % of it at lr=1e-3").replace(HARD, "~")
    '−1.5~±~0.2~nats, 90~% of it at lr=1e-3'
    """
    return MINUS.sub("−", PARTED.sub(HARD, text))


def breakable(name: str) -> Markup:
    """Return the name of a setting as HTML whose lines may break after its dots and underscores.

    >>> print(breakable("data.batch_size=<8>"))
    data.<wbr>batch_<wbr>size=&lt;8&gt;
    """
    return Markup(re.sub(r"(?<=\w)([._])(?=[A-Za-z])", r"\1<wbr>", str(escape(name))))
