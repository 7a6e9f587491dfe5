"""A part that the documents add is added as they say, in a copy of the tree, and used."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.docs.documents import ROOT, blocks

pytestmark = pytest.mark.slow

SMALL = ["data.size=60", "data.batch_size=16", "trainer=cpu", "trainer.max_epochs=1"]


def added(document: str, name: str) -> str:
    """Return the block of Python that defines a class."""
    (text,) = {b.text for b in blocks(ROOT / document) if f"class {name}(" in b.text}
    return text


def exported(package, module: str, name: str) -> None:
    """Export a class of a module as the others of its package are."""
    init = package / "__init__.py"
    text = re.sub(r"^__all__ = \[", f'__all__ = [\n    "{name}",', init.read_text(), flags=re.M)
    init.write_text(f"{text}\nfrom vae.{package.name}.{module} import {name}\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what a command needs, with the three parts in it."""
    folder = tmp_path_factory.mktemp("tree")
    for name in ("vae", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", folder)
    shutil.copy(ROOT / "eval.py", folder)
    (folder / "vae/objectives/my_objective.py").write_text(added("README.md", "Squared"))
    exported(folder / "vae/objectives", "my_objective", "Squared")
    squared = "_target_: vae.objectives.Squared\n"
    (folder / "conf/objective/squared.yaml").write_text(squared)
    (folder / "vae/models/my_model.py").write_text(added("README.md", "TwoLevels"))
    exported(folder / "vae/models", "my_model", "TwoLevels")
    (yaml,) = (b.text for b in blocks(ROOT / "README.md") if "vae.models.TwoLevels" in b.text)
    (folder / "conf/model/two_levels.yaml").write_text(yaml)
    (folder / "vae/evaluation/brightness.py").write_text(added("docs/evaluation.md", "Brightness"))
    exported(folder / "vae/evaluation", "brightness", "Brightness")
    brightness = "# @package report.brightness\n_target_: vae.evaluation.Brightness\n"
    (folder / "conf/report/brightness.yaml").write_text(brightness)
    return folder


@pytest.mark.parametrize("model", ["conv", "two_levels"])
def test_a_new_objective_model_and_part_of_the_report_are_used(tree, model):
    words = [f"model={model}", "objective=squared", "report=[brightness]", *SMALL]
    done = subprocess.run(
        [sys.executable, "train.py", *words, f"hydra.run.dir={model}"],
        cwd=tree,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree), "HOME": str(tree)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tree / model / "metrics.json").read_text())
    assert 0 <= metrics["brightness"]["figures"]["mean"] <= 1
