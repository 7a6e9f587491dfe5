"""Text from files, before it reaches a terminal."""

__all__ = ["visible"]

from unicodedata import category

KEPT = "\n\t\u200c\u200d"  # besides what is printable; the last two join and part letters


def visible(text: str) -> str:
    r"""Return a text in which a terminal finds nothing to obey: that is written out instead.

    Names of files and classes may hold what moves the cursor, changes colours and titles, or turns
    the direction of writing; and bytes that are no letters, which cannot be printed at all.

    Example:
        >>> print(visible("a\x1b[31mb\u202ec d — 写真\udcff"))
        a\x1b[31mb\u202ec d — 写真\udcff
    """
    if text.isprintable():
        return text
    return "".join(letter if is_harmless(letter) else escaped(letter) for letter in text)


def is_harmless(letter: str) -> bool:
    """Say whether a terminal only shows a letter."""
    return letter.isprintable() or letter in KEPT or category(letter) == "Zs"


def escaped(letter: str) -> str:
    """Return a letter as Python writes it in a text."""
    return letter.encode("unicode_escape").decode()
