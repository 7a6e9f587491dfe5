import os

import pytest
import torch

from vae.instantiate import ALLOWED, PACKAGES, instantiate, resolve


def test_nested_parts_are_built_inside_out():
    objective = instantiate(
        {
            "_target_": "vae.objectives.ELBO",
            "beta": {"_target_": "vae.objectives.Linear", "end": 4.0, "steps": 10},
        }
    )
    objective.step = 5
    assert objective.beta(5) == 2.0


def test_facts_are_given_to_those_who_ask():
    head = instantiate({"_target_": "vae.distributions.NormalPosterior"}, latent_dim=3, levels=2)
    assert head.event_shape == (3,)
    head = instantiate({"_target_": "vae.distributions.NormalPosterior", "latent_dim": 5})
    assert head.event_shape == (5,)


def test_partial_waits_for_more():
    make = instantiate({"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.5})
    assert make([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("target", sorted(ALLOWED))
def test_every_allowed_name_exists(target):
    assert callable(resolve(target))


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_exported_part_exists(package):
    from importlib import import_module

    for name in import_module(package).__all__:
        assert callable(resolve(f"{package}.{name}"))


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
        "vae.data.images.os.system",
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
        instantiate({"_target_": target, "command": f"touch {marker}"})
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
    assert instantiate({**net, "hidden": []}).out_shape == (2,)
    with pytest.raises(ValueError, match="hidden must be a list"):
        instantiate({**net, "hidden": ["a"]})
    with pytest.raises(ValueError, match="activation must be"):
        instantiate({**net, "activation": "relu"})
