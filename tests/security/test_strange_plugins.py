"""A file that names a plugin runs nothing of it until the user names it, too."""

import json
import sys

import pytest
import yaml

import vae
from tests.cli.command import TINY, array, call
from tests.security.payloads import hostile_checkpoint
from vae.cli import app
from vae.instantiate import resolve
from vae.plugins import allowed, entry_point_packages
from vae.training import VAEModule

NAME = "strange_parts"
MODULE = """
from abc import abstractmethod
from pathlib import Path
from subprocess import Popen

from torch import nn
from torch.nn import ReLU
from vae.priors import Prior, StandardNormal

Path({marker!r}).touch()


class Mine(nn.Module):
    def __init__(self, latent_shape, *, command: str = ""):
        super().__init__()
        self.p = StandardNormal(latent_shape)

    def forward(self):
        return self.p()


class Runs:
    def __init__(self, command: str):
        Path(command).touch()


class Unfinished(Prior):
    pass


def function(command: str = ""):
    Path(command).touch()
"""


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """A file that the module makes when it is imported; it lies where Python finds it."""
    marker = tmp_path / "marker"
    (tmp_path / f"{NAME}.py").write_text(MODULE.format(marker=str(marker)))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    yield marker
    sys.modules.pop(NAME, None)


def naming(config, *, plugins=(NAME,), **groups):
    """Let a config name a plugin, and classes of it in some groups."""
    config["plugins"] = list(plugins)
    for group, target in (groups or {"prior": f"{NAME}.Mine"}).items():
        config[group] = {"_target_": target}


READERS = {
    "load": vae.load,
    "export": lambda path, **given: vae.export(path, path.parent / "exported", **given),
    "the module": VAEModule.load_from_checkpoint,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("plugins", [[NAME], []])
def test_a_checkpoint_does_not_make_a_name_importable(tmp_path, marker, reader, plugins):
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda c: naming(c, plugins=plugins))
    told = f'name it again, plugins=\\["{NAME}"\\]' if plugins else f"needs plugins=\\[{NAME}\\]"
    with pytest.raises(ValueError, match=told):
        READERS[reader](path)
    assert not marker.exists()
    READERS[reader](path, plugins=[NAME])
    assert marker.exists()
    with pytest.raises(ValueError, match=told):  # not even after it was
        READERS[reader](path)


def test_an_export_does_not_make_a_name_importable(tmp_path, marker):
    folder = vae.export(hostile_checkpoint(tmp_path / "model.ckpt"), tmp_path / "shared")
    config = json.loads((folder / "config.json").read_text())
    naming(config["config"])
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="name it again"):
        vae.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("group", ["prior", "data"])
def test_an_evaluation_is_told_the_names_by_the_user(tmp_path, marker, monkeypatch, capsys, group):
    def change(config):
        naming(config)
        if group == "data":
            naming(config, prior="vae.priors.StandardNormal")
            config["data"] |= {"source": {"_target_": f"{NAME}.Mine"}}

    path = hostile_checkpoint(tmp_path / "model.ckpt", change)
    arguments = [f"checkpoint='{path}'", "device=cpu"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, command=app.evaluate)
    assert (status, marker.exists()) == (2, False)
    assert f'if you trust it, name it again, plugins=["{NAME}"]' in message


RECORDED = ["plugins", "+plugins", "++plugins", "+plugins@_global_", "+plugins.x", "~plugins"]


@pytest.mark.parametrize("key", RECORDED)
def test_the_record_of_a_run_names_no_plugins(tmp_path, marker, monkeypatch, capsys, key):
    run = tmp_path / "theirs"
    for folder in (".hydra", "checkpoints"):
        (run / folder).mkdir(parents=True)
    hostile_checkpoint(run / "checkpoints" / "last.ckpt", naming)
    override = f"{key}=[{NAME}]" if key[0] != "~" else key
    (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump([override]))
    status, _, message = call(monkeypatch, capsys, tmp_path, f"resume='{run}'")
    assert (status, marker.exists()) == (2, False)
    assert "is not taken over (the code of a plugin is never run because a file says so)" in message


def test_a_run_is_gone_on_with_and_started_from_by_naming_them_again(
    tmp_path, marker, monkeypatch, capsys
):
    run, named = tmp_path / "theirs", f"plugins=[{NAME}]"
    settings = [*TINY, array(tmp_path), "test=false"]
    own = ["~prior", f"+prior={{_target_: {NAME}.Mine, command: x}}"]
    first = [*settings, *own, named, f"hydra.run.dir='{run}'"]
    assert call(monkeypatch, capsys, tmp_path, *first)[0] == 0
    assert vae.saved.read_saved(run).config["plugins"] == [NAME]
    marker.unlink()
    last = run / "checkpoints" / "last.ckpt"
    longer = "trainer.max_epochs=2"
    refused = [
        [f"resume='{run}'", longer],
        [*settings, f"resume='{last}'", longer, "hydra.run.dir=a"],
        [*settings, f"init='{run}'", "hydra.run.dir=b"],
    ]
    del sys.modules[NAME]
    for arguments in refused:
        status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
        assert (status, marker.exists(), message.count("\n")) == (2, False, 1)
        assert NAME in message
        assert "plugins=[" in message
    status, _, message = call(monkeypatch, capsys, tmp_path, *refused[2], named)
    assert status == 0, message
    status, out, message = call(monkeypatch, capsys, tmp_path, *refused[0], named)
    assert status == 0, message
    assert out.count(named) == 2  # in the commands to go on with


TRICKS = ["..", "../evil", "/tmp/evil", "a/b", ".evil", "evil.", "a..b", "", "a b", "a-b", "class"]
TRICKS += ["__main__", f"{NAME}.__main__", "a\\b", "évil:x", "a;b"]


@pytest.mark.parametrize("name", TRICKS)
def test_what_is_no_name_is_refused(marker, name):
    with (
        pytest.raises(ValueError, match="plugins must be names of packages or modules"),
        allowed([name]),
    ):
        pass
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["os", "subprocess", "builtins", "torch", "torch.utils", "numpy", "vae", "vae.cli", "hydra"],
)
def test_what_holds_more_than_parts_is_refused(name):
    with pytest.raises(ValueError, match=f"plugins cannot be {name}, which"), allowed([name]):
        pass


NO_PARTS = {
    f"{NAME}.Popen": "is of subprocess, not of the plugin",
    f"{NAME}.ReLU": "is of torch.nn.modules.activation, not of the plugin",
    f"{NAME}.StandardNormal": "is of vae.priors.standard_normal, not of the plugin",
    f"{NAME}.Runs": "there a class must be derived from torch.nn.Module",
    f"{NAME}.Unfinished": "is abstract: it must define forward",
    f"{NAME}.function": f"{NAME} has no class function",
    f"{NAME}.Nothing": f"{NAME} has no class Nothing",
    f"{NAME}.Popen.run": f"there is no module {NAME}.Popen",
    f"{NAME}.__builtins__": "is not a part",
    f"{NAME}.__main__.Mine": "is not a part",
    f"{NAME}x.Mine": "is not a part",
    "subprocess.Popen": "is not a part",
    f"..{NAME}.Mine": "is not a part",
}


@pytest.mark.parametrize("target", NO_PARTS)
def test_of_a_plugin_only_its_own_parts_may_be_named(marker, target):
    with allowed([NAME]), pytest.raises(ValueError, match=NO_PARTS[target]):
        resolve(target, "prior")


@pytest.mark.parametrize("group", ["optimizer", "scheduler", "callbacks", "data", "logger"])
def test_a_part_of_another_kind_is_refused(marker, group):
    with allowed([NAME]), pytest.raises(ValueError, match=f"may name under {group}: there a class"):
        resolve(f"{NAME}.Mine", group)


def test_it_is_allowed_no_longer_than_it_was_meant(marker):
    with allowed([NAME]):
        assert resolve(f"{NAME}.Mine", "prior").__name__ == "Mine"
    with pytest.raises(ValueError, match=rf"from outside needs plugins=\[{NAME}\]"):
        resolve(f"{NAME}.Mine", "prior")


@pytest.fixture
def installed(tmp_path, marker):
    """The module as a package that offers parts."""
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    points = f"[vae.plugins]\nparts = {NAME}\nevil = subprocess\npath = ../evil\n"
    (info / "entry_points.txt").write_text(points)


@pytest.mark.usefixtures("installed")
def test_an_installed_package_counts_for_what_is_typed_alone(tmp_path, marker, monkeypatch, capsys):
    assert entry_point_packages() == (NAME,)
    path = hostile_checkpoint(tmp_path / "model.ckpt", naming)
    with pytest.raises(ValueError, match="name it again"):
        vae.load(path)
    assert not marker.exists()
    typed = [*TINY, array(tmp_path), "test=false", "~prior", f"+prior._target_={NAME}.Mine"]
    assert call(monkeypatch, capsys, tmp_path, *TINY, array(tmp_path), "resume=auto")[0] == 0
    assert not marker.exists()  # of which nothing was used
    status, _, message = call(monkeypatch, capsys, tmp_path, *typed, "hydra.run.dir=own")
    assert status == 0, message
    assert vae.saved.read_saved(tmp_path / "own").config["plugins"] == [NAME]
    again = ["resume=own", "trainer.max_epochs=2"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *again)
    assert (status, f'plugins=["{NAME}"]' in message) == (2, True)
    status, _, message = call(monkeypatch, capsys, tmp_path, *again, f"plugins=[{NAME}]")
    assert status == 0, message
