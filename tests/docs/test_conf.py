"""README.md: every setting stands in conf/ with what it may be."""

import re

from tests.docs.documents import ROOT
from vae.cli.compose import CONF

LEAF = re.compile(r"^ *([a-z]\w*): *(?![$#])(\S.*)$", re.MULTILINE)


def bare(text: str) -> set[str]:
    """Return the settings with a value of their own and nothing said about it."""
    return {name for name, rest in LEAF.findall(text) if "#" not in rest} - {"defaults"}


def said(text: str) -> set[str]:
    """Return the settings that a comment stands beside."""
    return {name for name, rest in LEAF.findall(text) if "#" in rest}


def test_every_setting_says_what_it_may_be():
    """In its file, or in one of those whose settings it changes: of its group, of any report.

    An experiment holds a paper's values of settings that the groups explain.
    """
    texts = {p: p.read_text() for p in CONF.rglob("*.yaml") if p.parent.name != "experiment"}
    wrong = {}
    for path, text in texts.items():
        explained = {
            name
            for other, words in texts.items()
            if other.parent == path.parent
            for name in said(words)
        }
        if unsaid := bare(text) - explained:
            wrong[str(path.relative_to(CONF))] = unsaid
    assert not wrong


def test_the_readme_says_where():
    assert "[`conf/`](conf)" in (ROOT / "README.md").read_text()
