"""Numbers in running text, which no line break may part."""

__all__ = ["unbroken"]

import re

HARD = "\N{NO-BREAK SPACE}"
PARTED = re.compile(r" (?=[±‖=] )|(?<=[±‖=]) |(?<=\d) (?=(?:nats|bits|%|samples|steps)\b)")
MINUS = re.compile(r"(?<![\w.\-])-(?=\d)")


def unbroken(text: str) -> str:
    """Return text whose signs are minus signs and whose quantities stay on one line.

    >>> unbroken("-1.5 ± 0.2 nats at lr=1e-3").replace(HARD, "~")
    '−1.5~±~0.2~nats at lr=1e-3'
    """
    return MINUS.sub("−", PARTED.sub(HARD, text))
