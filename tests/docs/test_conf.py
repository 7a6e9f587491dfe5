"""README.md: every setting stands in conf/ with what it may be, and advice names it in full."""

import ast
import re

from tests.docs.documents import ROOT
from tests.docs.settings import known_settings
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
    assert "[`vae/conf/`](vae/conf)" in (ROOT / "README.md").read_text()


def test_what_the_report_advises_can_be_pasted():
    """Settings that its sentences name are those of the command line, from their beginning."""
    named = {}
    for path in (ROOT / "vae" / "evaluation").rglob("*.py"):
        if path.name == "movies.py":  # FFmpeg's filters are written likewise
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = "" if "\n" in node.value else node.value
                for name in re.findall(r"(?:^|[ (+@])([a-z][\w.]*)=(?=[\w…\[])", text):
                    named.setdefault(name, path.name)
                for name in re.findall(r"\breport\.\w+\.\w+", text):
                    named.setdefault(name, path.name)
    assert {"report.imputation.burn_in", "objective.beta", "likelihood"} <= named.keys()
    assert {n: at for n, at in named.items() if n not in known_settings()} == {}
