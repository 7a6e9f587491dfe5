"""Every block of Python in the documents runs as it is printed, with the shapes that it names."""

import ast
import re

import pytest
import torch

from tests.docs.documents import DOCUMENTS, blocks, named
from tests.docs.settings import PLACEHOLDER

PAGES = [d for d in DOCUMENTS if any(b.language == "python" for b in blocks(d))]
STEPS = re.compile(r'(?<=[^_]steps=)\d{3,}|(?<="steps": )\d{3,}|(?<=for _ in range\()\d{3,}')
LONG = [d for d in PAGES if any(STEPS.search(b.text) for b in blocks(d))]
SHAPE = re.compile(r"#.*?(\((?:\d+,? ?)+\))")


def run(text: str, names: dict) -> None:
    """Run statements one by one; what is followed by a shape in a comment must have it."""
    lines = text.splitlines()
    for statement in ast.parse(text).body:
        source = ast.unparse(statement)
        found = SHAPE.search(lines[statement.end_lineno - 1])
        match statement:
            case ast.Expr():
                value = eval(source, names)
            case ast.Assign(targets=[ast.Name(id=target)]):
                exec(source, names)
                value = names[target]
            case _:
                exec(source, names)
        if found:
            assert tuple(value.shape) == ast.literal_eval(found[1]), source


@pytest.mark.parametrize("page", **named(PAGES))
def test_blocks_run_from_top_to_bottom(desk, page):
    """In fewer steps than are printed."""
    check_blocks(page, lambda text: STEPS.sub("20", PLACEHOLDER.sub(desk.run, text)))


@pytest.mark.slow
@pytest.mark.parametrize("page", **named(LONG))
def test_blocks_run_as_they_are_printed(desk, page):
    check_blocks(page, lambda text: PLACEHOLDER.sub(desk.run, text))


def check_blocks(page, changed) -> None:
    """Run the blocks of a page in the working folder."""
    names: dict = {"__name__": page.stem}
    for block in blocks(page):
        if block.language == "python":
            try:
                run(changed(block.text), names)
            except Exception as error:
                raise AssertionError(f"{page.name}:{block.line}: {error!r}") from error


def test_a_wrong_shape_and_a_missing_import_are_found():
    with pytest.raises(AssertionError, match="zeros"):
        run("x = torch.zeros(2, 3)  # (3, 2), rows first", {"torch": torch})
    with pytest.raises(NameError):
        run("x = torch.zeros(2, 3)", {})
