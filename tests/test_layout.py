"""The project's own rules of size and order, which a reader relies on."""

import ast
import sys
from collections import Counter
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import torch

from tests.compose import settings_of
from tests.steps import BINARY, MLP
from vae.batch import blank
from vae.objectives import Progress
from vae.training import VAEModule
from vae.training.step import terms_and_figures

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "vae").rglob("*.py"))
LINES, STATEMENTS, WALK = 300, 40, 15


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(tree: ast.Module) -> set[str]:
    """What a module imports when it is imported, and for a type checker."""
    outside = {
        node
        for part in ast.walk(tree)
        if isinstance(part, ast.FunctionDef)
        for node in ast.walk(part)
    }
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {f"{node.module}" for node in found if node not in outside and node.level == 0}


def test_files_and_functions_are_short():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= LINES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                first = node.body[0]
                told = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
                length = node.end_lineno - node.lineno + 1 - told
                assert length <= STATEMENTS, f"{path}: {node.name} has {length} lines"


def test_no_module_imports_itself_by_a_circle():
    trees = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    graph = {name: imports_of(tree) & trees.keys() - {name} for name, tree in trees.items()}
    packages = {name for name in graph if (ROOT / Path(*name.split("."))).is_dir()}
    graph = {name: found - packages for name, found in graph.items() if name not in packages}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_two_modules_and_no_two_classes_share_a_name():
    modules = Counter(path.stem for path in FILES if path.stem != "__init__")
    classes = Counter(
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    shared = [name for name, count in (modules + classes).items() if count > 1]
    assert shared == []


def test_the_way_from_a_batch_to_the_loss_is_short():
    """Files of ours that work on a batch in one training step of the default parts and an MLP."""
    settings = settings_of("data=sprites", *MLP)
    module, batch = VAEModule.from_config(settings, BINARY), blank(BINARY)
    files, at = set(), Progress(0, num_examples=100)

    def note(frame, event, argument):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(str(ROOT / "vae")):
            files.add(Path(name).relative_to(ROOT))

    def loss():
        terms, _ = terms_and_figures(module.model, module.objective, batch, at)
        return reduce(torch.add, terms.values())

    loss()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        loss()
    finally:
        sys.setprofile(before)
    assert len(files) <= WALK, sorted(files)
