"""Every file in vae/conf/data makes a data module, and hands each short name on to its source."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

import vae.data
from tests.compose import settings_of
from tests.data.test_shards import png, write
from vae.build import build_data
from vae.data import make_data

CONF = Path(__file__).parents[2] / "vae" / "conf"


def load(name, **settings):
    config = OmegaConf.create(
        {"seed": 7, "group_size": 10, "data": OmegaConf.load(CONF / "data" / f"{name}.yaml")}
    )
    likelihood = config.data.pop("defaults")[0]["override /likelihood@_global_.likelihood"]
    assert (CONF / "likelihood" / f"{likelihood}.yaml").exists()
    config.data.update(settings)
    return OmegaConf.to_container(config.data, resolve=True)


def instantiate(node):
    kwargs = {key: made(value) for key, value in node.items() if key != "_target_"}
    return getattr(vae.data, node["_target_"].removeprefix("vae.data."))(**kwargs)


def made(value):
    return instantiate(value) if isinstance(value, dict) and "_target_" in value else value


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONF / "data").glob("*.yaml")))
def test_every_data_config_builds(name, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros((50, 4)))
    (tmp_path / "a.csv").write_text("a,b\n" + "0,1\n" * 50)
    write(tmp_path / "a.tar", {"a.png": png()})
    (tmp_path / "a.jsonl").write_text('{"x": [[0, 1], [2, 3]]}\n' * 50)
    own = {
        "images": {"root": str(tmp_path), "cache": str(tmp_path / "cache")},
        "array": {"path": str(tmp_path / "a.npy")},
        "shards": {"root": str(tmp_path), "cache": str(tmp_path)},
        "sequences": {"path": str(tmp_path / "a.jsonl")},
        "table": {"path": str(tmp_path / "a.csv")},
    }
    config = load(name, **own.get(name, {}))
    data = make_data(config, instantiate)
    assert data.seed == 7
    assert data.spec.num_dims
    if "binarization" in config and name not in ("sprites_gray", *own):
        assert (config["binarization"], data.spec.support) == ("dynamic", "boolean")


def test_short_names_reach_the_source():
    config = load("sprites", size=123, split_seed=4, batch_size=16)
    data = make_data(config, instantiate)
    assert (data.source.size, data.source.seed, data.batch_size) == (123, 4, 16)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("images", "root"),
        ("array", "path"),
        ("sequences", "path"),
        ("shards", "root"),
        ("table", "path"),
    ],
)
def test_the_users_own_data_must_be_named(name, key):
    with pytest.raises(ValueError, match=rf"data={name} needs data\.{key}="):
        make_data(load(name), instantiate)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            ["data=shards", "data.root=x", "data.window=abc"],
            r"^data\.window must be a whole number; got 'abc'",
        ),
        (
            ["data=images", "data.root=x", "data.bits=99"],
            r"^data\.bits must be from 1 to 16; got 99",
        ),
        (["data=sprites", "data.source.color=3"], r"^data\.source\.color must be true or false"),
        (["data=sprites", "+data.source.colour=3"], r"^data\.source\.colour is not a setting"),
    ],
)
def test_a_wrong_value_is_told_under_the_name_that_the_user_gave_it(settings, told):
    with pytest.raises(ValueError, match=told):
        build_data(settings_of(*settings))
