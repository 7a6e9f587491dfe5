"""A folder in which what the documents print finds what it needs."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.training.conftest import IGNORED
from vae.cli import app

SMALL = [  # a picture's net that is trained in seconds
    "model.encoder.hidden=[16]",
    "model.latent_dim=4",
    "data.batch_size=32",
    "trainer=cpu",
    "trainer.max_epochs=1",
]


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


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A working folder with two small runs on sprites, as if a reader had made them."""
    folder = tmp_path_factory.mktemp("desk")
    kept = os.environ.copy(), Path.cwd()
    (folder / "home").mkdir()
    os.environ["HOME"] = str(folder / "home")
    os.chdir(folder)
    run = "outputs/sprites-conv/2026-01-02_03-04-05"
    sizes = ["model=mlp", "data.size=400", "test=false", *SMALL]
    for seed, place in enumerate((run, "outputs/sprites-conv/2026-01-02_03-05-00")):
        assert ended(app.train, *sizes, f"seed={seed}", f"hydra.run.dir={place}") == 0
    yield SimpleNamespace(folder=folder, run=run)
    os.chdir(kept[1])
    os.environ.clear()
    os.environ.update(kept[0])
