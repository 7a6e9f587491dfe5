"""Parts that the documents add are added as they say, in a folder of one's own, and used."""

import json
import subprocess
import sys

import pytest

from tests.docs.documents import ROOT, blocks

pytestmark = pytest.mark.slow

SMALL = ["data.size=60", "data.batch_size=16", "trainer=cpu", "trainer.max_epochs=1"]
PARTS = {"Squared": "README.md", "TwoLevels": "README.md", "Brightness": "docs/evaluation.md"}


def added(document: str, name: str) -> str:
    """Return the block of Python that defines a class."""
    (text,) = {b.text for b in blocks(ROOT / document) if f"class {name}(" in b.text}
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the three parts and the two files of settings, and nothing of ours."""
    folder = tmp_path_factory.mktemp("own")
    texts = [added(document, name) for name, document in PARTS.items()]
    (folder / "my_parts.py").write_text("\n".join(texts))
    for group in ("objective", "model"):
        (folder / "my_conf" / group).mkdir(parents=True)
    squared = "_target_: my_parts.Squared\n"
    (folder / "my_conf/objective/squared.yaml").write_text(squared)
    (yaml,) = (b.text for b in blocks(ROOT / "README.md") if "my_parts.TwoLevels" in b.text)
    (folder / "my_conf/model/two_levels.yaml").write_text(yaml)
    return folder


@pytest.mark.parametrize("model", ["conv", "two_levels"])
def test_a_new_objective_model_and_part_of_the_report_are_used(folder, model):
    words = [f"model={model}", "objective=squared", "plugins=[my_parts]", "report=[]", *SMALL]
    words.append("+report.brightness._target_=my_parts.Brightness")
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "train.py",
            "--config-dir=my_conf",
            *words,
            f"hydra.run.dir={model}",
        ],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((folder / model / "metrics.json").read_text())
    assert 0 <= metrics["brightness"]["figures"]["mean"] <= 1
