"""What the documents point at is there: choices, paths, tests, links, anchors and pictures."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, named, prose, spans, tables
from vae.cli.compose import CONF, choices

LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:py|yaml|md|json|html)(?:::\w+)?")
TREE = [ROOT / name for name in ("tests", "vae", "docs", "benchmarks")]
SAVED = {"digits.py", "sample.py"}  # blocks of the tutorial
ADDED = {
    "my_parts.py",
    "two_levels.yaml",
    "squared.yaml",
    "my_project.py",
    "mine.yaml",
    "small.yaml",
    "vae.yaml",
    *SAVED,
}  # by a reader: test_adding.py, test_plugins_page.py
FOREIGN = {  # in a run's folder, an export or another machine
    "report.html",
    "metrics.json",
    "config.json",
    "overrides.yaml",
    "config.yaml",
    "environment.json",
}


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_links_and_pictures_lead_somewhere(document):
    wrong = []
    for link in LINK.findall(prose(document)):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if link.startswith("https://"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


def parts(path: Path) -> set[str]:
    """Return the names of a test file's functions and lists."""
    tree = ast.parse(path.read_text())
    lists = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return functions | {name.id for name in lists if isinstance(name, ast.Name)}


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_files_and_tests_that_are_named_are_there(document):
    """Below the root, tests/, or a folder of tests that the row or the paragraph is about."""
    wrong, last = [], None
    for line, span in spans(document):
        if span.startswith("::"):  # of the file that was named last
            span = f"{last}{span}"
        if not FILE.fullmatch(span.removeprefix("…/")) or span in FOREIGN:
            continue
        name, _, function = span.removeprefix("…/").partition("::")
        if Path(name).name in ADDED:
            continue
        last = name
        found = [path for top in TREE for path in top.rglob(name)]
        found = [ROOT / name] if (ROOT / name).exists() else found
        if not found or (function and not any(function in parts(path) for path in found)):
            wrong.append((line, span))
    folders = [(n, s) for n, s in spans(document) if re.fullmatch(r"(tests|vae|conf)/[\w/]+/?", s)]
    assert not wrong + [(line, span) for line, span in folders if not (ROOT / span).exists()]


def listed(cell: str) -> set[str]:
    """Return the choices in a cell: `one`, or a list `[one,two]`; what has another form is none."""
    names = re.findall(r"`\[?((?:\w+,?)+)\]?`", cell)
    return {name for found in names for name in found.split(",")}


@pytest.mark.parametrize("group", sorted(path.name for path in CONF.iterdir() if path.is_dir()))
def test_a_row_of_the_table_of_choices_is_the_folder_of_the_group(group):
    (table,) = (t for t in tables(ROOT / "README.md") if t[0] == ["group", "choices"])
    rows = {row[0].strip("`="): row[1] for row in table[1:]}
    if group == "experiment":
        (table,) = (t for t in tables(ROOT / "README.md") if t[0][:2] == ["variant", "command"])
        spans = " ".join(span for row in table[1:] for span in re.findall("`([^`]+)`", row[1]))
        assert set(choices(group)) == {*re.findall(r"\w+", spans)} & {*choices(group)}
    elif group in ("logger", "schedule", "sweep"):  # no row: said where they are used
        words = re.findall(r"\w+", prose(ROOT / "README.md"))
        assert group in rows or {*choices(group)} - {"none"} <= {*words} | {"tensorboard"}
    else:
        assert listed(rows[group]) == set(choices(group))
