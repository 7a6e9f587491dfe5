"""A folder in which what the documents print finds what it needs."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.docs.documents import ROOT, blocks
from tests.training.conftest import IGNORED
from vae.cli import app


def pytest_collection_modifyitems(items):
    """Let what Lightning warns of pass, as in the tests of training."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for message in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{message}"))


def ended(command, *words: str) -> int:
    """Run a command in this process, in the working folder; return its status."""
    before = sys.argv
    sys.argv = ["train.py", *words]
    try:
        command()
    except SystemExit as end:
        return end.code
    finally:
        sys.argv = before
    return 0


def own_module() -> str:
    """Return the module that docs/plugins.md has its reader write."""
    return next(b.text for b in blocks(ROOT / "docs" / "plugins.md") if b.language == "python")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A working folder with two small runs on sprites, as if a reader had made them."""
    folder = tmp_path_factory.mktemp("desk")
    kept = os.environ.copy(), Path.cwd(), [*sys.path]
    (folder / "home").mkdir()
    (folder / "my_parts.py").write_text(own_module())
    os.environ["HOME"] = str(folder / "home")
    os.chdir(folder)
    small = ["data.size=60", "data.batch_size=16", "trainer=cpu", "trainer.max_epochs=1"]
    runs = [f"outputs/sprites-conv/2026-01-02_03-04-0{seed}" for seed in range(2)]
    for seed, run in enumerate(runs):
        assert ended(app.train, *small, "test=false", f"seed={seed}", f"hydra.run.dir={run}") == 0
    yield SimpleNamespace(folder=folder, run=runs[0])
    os.chdir(kept[1])
    os.environ.clear()
    os.environ.update(kept[0])
    sys.path[:] = kept[2]
    sys.modules.pop("my_parts", None)
