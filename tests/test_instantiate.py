import os
import re
import sys

import pytest
import torch

from vae.cli.compose import CONF
from vae.instantiate import NAMES, instantiate, resolve


def test_nested_parts_are_built_inside_out():
    objective = instantiate(
        {
            "_target_": "vae.objectives.ELBO",
            "beta": {"_target_": "vae.objectives.LinearSchedule", "end": 4.0, "steps": 10},
        },
        "objective",
    )
    assert objective.beta(5) == 2.0


def test_facts_are_given_to_those_who_ask():
    node = {"_target_": "vae.distributions.NormalPosterior"}
    head = instantiate(node, "posterior", latent_dim=3, levels=2)
    assert head.event_shape == (3,)
    head = instantiate({**node, "latent_dim": 5}, "posterior")
    assert head.event_shape == (5,)


def test_partial_waits_for_more():
    node = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.5}
    make = instantiate(node, "optimizer")
    assert make([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("group", NAMES)
def test_every_name_exists(group):
    for target in NAMES[group]:
        assert resolve(target, group).__name__ == target.rpartition(".")[2]


@pytest.mark.parametrize("path", sorted(CONF.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_every_choice_names_what_its_group_may(path):
    folders = {"penalty": "penalties", "schedule": "objective", "experiment": "objective"}
    group = folders.get(path.parent.name, path.parent.name)
    for target in re.findall(r"_target_: ([\w.]+)", path.read_text()):
        assert isinstance(resolve(target, group), type)


@pytest.mark.parametrize(
    ("target", "group"),
    [
        ("lightning.pytorch.Trainer", "model"),
        ("lightning.pytorch.loggers.TensorBoardLogger", "prior"),
        ("lightning.pytorch.callbacks.ModelCheckpoint", "likelihood"),
        ("vae.data.Array", "posterior"),
        ("vae.data.make_data", "data"),
        ("vae.data.DataModule", "data"),
        ("torch.optim.SGD", "model"),
        ("vae.training.VAEModule", "model"),
        ("vae.distributions.draw", "prior"),
        ("vae.networks.MLP", "trainer"),
    ],
)
def test_a_part_can_be_named_only_where_it_belongs(target, group):
    with pytest.raises(ValueError, match=f"may name under {group}"):
        resolve(target, group)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "torch.load",
        "torch.hub.load",
        "torch.utils.collect_env.run",
        "numpy.load",
        "vae.data.formats.images.os.system",
        "vae.cli.app.os.system",
        "vae.build.load",
        "vae.instantiate.import_module",
        "vae.nothing.Here",
        "vae.data.__builtins__",
        "print",
        "",
    ],
)
def test_nothing_else_can_be_named(target, tmp_path):
    marker = tmp_path / "marker"
    with pytest.raises(ValueError, match="is not a part that a config may name"):
        instantiate({"_target_": target, "command": f"touch {marker}"}, "model")
    assert not marker.exists()
    assert os.path.isdir(tmp_path)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"latent_dim": "abc"}, r"posterior.latent_dim must be a whole number; got 'abc'"),
        ({"latent_dim": 2.5}, r"must be a whole number; got 2.5"),
        ({"latent_dim": True}, r"must be a whole number; got True"),
        ({"latent_dim": -3}, r"posterior: latent_dim must be at least 1; got -3"),
        ({"latent_dims": 3}, r"latent_dims is not a setting; did you mean latent_dim\?"),
    ],
)
def test_a_wrong_value_names_its_place(node, message):
    with pytest.raises(ValueError, match=message):
        instantiate({"_target_": "vae.distributions.NormalPosterior", **node}, "posterior")


def test_types_of_lists_and_choices():
    net = {"_target_": "vae.networks.MLP", "in_shape": [4], "out_shape": [2]}
    assert instantiate({**net, "hidden": []}, "model").out_shape == (2,)
    with pytest.raises(ValueError, match="hidden must be a list"):
        instantiate({**net, "hidden": ["a"]}, "model")
    with pytest.raises(ValueError, match="activation must be"):
        instantiate({**net, "activation": "relu"}, "model")


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(ValueError, match="SOAP needs a package: pip install pytorch-optimizer"):
        resolve("pytorch_optimizer.SOAP", "optimizer")
