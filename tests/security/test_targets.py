"""A ``_target_`` that names what is not a part."""

import json

import hydra
import pytest
import torch

import vae
from tests.cli.command import TINY, array, call
from tests.security.payloads import TARGETS, hostile_checkpoint, hostile_node
from vae.cli import app
from vae.training import VAEModule

NESTED = "model.encoder.activation"
PLACES = ("model", "model.encoder", NESTED, "posterior", "prior", "likelihood")


@pytest.fixture
def marker(tmp_path):
    """A file that must not exist after the test."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists()


def put(config, place, node):
    """Put a node into a config, with the keys that stood there."""
    *path, last = place.split(".")
    for key in path:
        config = config[key]
    config[last] = {**config[last], **node}


def test_the_payload_works_where_any_name_is_called(tmp_path):
    marker = tmp_path / "marker"
    hydra.utils.instantiate(hostile_node("torch.utils.collect_env.run", marker))
    assert marker.exists()


@pytest.mark.parametrize("target", TARGETS)
def test_a_checkpoint_names_parts_only(tmp_path, marker, target):
    for place in PLACES:
        node = hostile_node(target, marker)
        path = hostile_checkpoint(tmp_path / "model.ckpt", lambda c, n=node, p=place: put(c, p, n))
        with pytest.raises(ValueError, match=f"_target_ {target} is not a part that a config may"):
            vae.load(path)


@pytest.mark.parametrize("target", TARGETS)
def test_an_export_names_parts_only(tmp_path, marker, target):
    folder = vae.export(hostile_checkpoint(tmp_path / "model.ckpt"), tmp_path / "shared")
    config = json.loads((folder / "config.json").read_text())
    put(config["config"], NESTED, hostile_node(target, marker))
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"_target_ {target} is not a part that a config may name"):
        vae.load(folder)


@pytest.mark.parametrize("target", TARGETS)
def test_the_evaluation_builds_data_sources_only(tmp_path, marker, monkeypatch, capsys, target):
    node = hostile_node(target, marker)
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda c: put(c, "data.source", node))
    arguments = [f"checkpoint='{path}'"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, command=app.evaluate)
    assert status == 2
    assert f"_target_ {target} is not a part that a config may name under data" in message


def test_the_evaluation_leaves_the_rest_of_a_run_alone(tmp_path, marker, monkeypatch, capsys):
    def change(config):
        for group in ("trainer", "logger", "callbacks", "optimizer", "scheduler", "objective"):
            config[group] = hostile_node("torch.utils.collect_env.run", marker)

    path = hostile_checkpoint(tmp_path / "model.ckpt", change)
    arguments = [f"checkpoint='{path}'", "test_samples=1"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, command=app.evaluate)
    assert status == 0, message


@pytest.mark.parametrize("group", ["optimizer", "scheduler", "objective", "estimator", "penalties"])
def test_a_module_is_rebuilt_of_parts_only(tmp_path, marker, group):
    node = {group: hostile_node("torch.utils.collect_env.run", marker)}
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda config: config.update(node))
    with pytest.raises(ValueError, match=f"is not a part that a config may name under {group}"):
        VAEModule.load_from_checkpoint(path)


@pytest.mark.parametrize("target", TARGETS[3:7])  # of the rest, tests/test_instantiate.py
def test_the_command_line_names_parts_only(tmp_path, marker, monkeypatch, capsys, target):
    hostile = [f"model.encoder._target_={target}", f"+model.encoder.command='touch {marker}'"]
    arguments = [*TINY, array(tmp_path), *hostile]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 2
    assert f"_target_ {target} is not a part that a config may name under model" in message


@pytest.mark.parametrize("target", [None, 3, ["os.system"], {"a": "os.system"}, "", "."])
def test_a_name_that_is_no_text_is_refused(tmp_path, target):
    node = {"_target_": target}
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda config: put(config, NESTED, node))
    with pytest.raises(ValueError, match="is not a part that a config may name under model"):
        vae.load(path)


def test_a_partial_part_is_refused_where_an_object_is_wanted(tmp_path):
    path = hostile_checkpoint(
        tmp_path / "model.ckpt", lambda config: put(config, "prior", {"_partial_": True})
    )
    with pytest.raises(ValueError, match="does not hold a model that fits"):
        vae.load(path)
    assert torch.load(path, weights_only=True)["hyper_parameters"]["config"]["prior"]["_partial_"]
