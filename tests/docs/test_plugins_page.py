"""docs/plugins.md: its module and its configs, saved as it says, are used as it says."""

import json
import re
import sys

import pytest

import vae
from tests.docs.conftest import ended, own_module
from tests.docs.documents import ROOT, blocks, commands, named
from vae.cli import app

PAGE = ROOT / "docs" / "plugins.md"
SMALL = ["trainer=cpu", "trainer.max_epochs=1", "test_samples=2", "report=[]"]
ADDED = [
    "+penalties.size._target_=my_parts.Size",
    "+report.spread._target_=my_parts.Spread",
    "+callbacks.say._target_=my_parts.Say",
]


TRAINING = [c for c in commands(PAGE) if c.words[:2] == ("python", "train.py")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with nothing in it but what the page says."""
    (tmp_path / "my_parts.py").write_text(own_module())
    (text,) = (block.text for block in blocks(PAGE) if block.language == "yaml")
    pieces = re.split(r"^# (my_conf/\S+)\n", text, flags=re.MULTILINE)[1:]
    for name, text in zip(pieces[::2], pieces[1::2], strict=True):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("my_parts", None)


def test_one_of_each_kind_is_trained_loaded_exported_and_evaluated(folder, capfd):
    words = ["--config-dir=my_conf", "experiment=waves", *ADDED, *SMALL]
    assert ended(app.train, *words, "hydra.run.dir=run") == 0, capfd.readouterr().err
    assert "steps\n" in capfd.readouterr().out
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics["spread"]["figures"]["spread"] > 0
    with pytest.raises(ValueError, match=r'name it again, plugins=\["my_parts"\]'):
        vae.load("run")
    model = vae.load("run", plugins=["my_parts"])
    assert type(model.prior).__module__ == "my_parts"
    assert model.sample(3, temperature=0.7).shape == (3, 8)
    vae.export("run", "shared", plugins=["my_parts"])
    assert vae.load("shared", plugins=["my_parts"]).sample(3).shape == (3, 8)
    again = ["checkpoint=run", "plugins=[my_parts]", "device=cpu", "test_samples=2", *ADDED[1:2]]
    assert ended(app.evaluate, *again) == 0, capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("command", **named(TRAINING))
def test_every_command_of_the_page_runs(folder, command, capfd):
    own = "experiment=waves" in command.words
    few = SMALL if own else [*SMALL, "data.size=60", "data.batch_size=16", "model=mlp"]
    words = [*command.words[2:], *few, "hydra.run.dir=run"]
    assert ended(app.train, *words) == 0, capfd.readouterr().err
