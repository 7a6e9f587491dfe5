"""Where files appear is the user's to say, and never a loaded file's."""

import numpy as np
import pytest
import torch
import yaml

import vae
from tests.cli.command import TINY, array, call
from tests.compose import settings_of
from tests.data.test_caches import pictures
from tests.data.test_shards import vectors
from tests.security.payloads import hostile_checkpoint
from vae.cli.evaluate import saved_data
from vae.cli.overrides import recorded_overrides
from vae.data import DataSpec
from vae.saved import Saved


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of the test's own, and in it the usual place of caches."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home" / ".cache" / "vae"


SETS = {
    "images": (pictures, (3, 64, 64)),
    "shards": (lambda folder: vectors(folder, 2), (2,)),
}


def evaluated(tmp_path, name, recorded, **given):
    """Read the data of somebody's checkpoint, as an evaluation does."""
    make, shape = SETS[name]
    root = tmp_path / "data"
    settings = [f"data={name}", f"data.root='{root if root.is_dir() else make(root)}'"]
    config = settings_of(*settings, f"data.cache='{recorded}'")
    spec = DataSpec("a", shape, "unit_interval")
    saved_data(Saved(tmp_path / "best.ckpt", config, spec, {}), given).setup()


@pytest.mark.parametrize("name", SETS)
def test_an_evaluation_writes_no_cache_where_a_checkpoint_says(tmp_path, home, name):
    there = tmp_path / "elsewhere"
    evaluated(tmp_path, name, there)
    assert not there.exists()
    assert len(list(home.iterdir())) > 0


@pytest.mark.parametrize("name", SETS)
def test_a_cache_that_is_there_is_used_and_so_is_what_the_user_says(tmp_path, home, name):
    there = tmp_path / "elsewhere"
    evaluated(tmp_path, name, tmp_path / "other", cache=str(there))
    kept = sorted(there.iterdir())
    evaluated(tmp_path, name, there)
    assert sorted(there.iterdir()) == kept
    assert not home.exists()


def test_an_evaluation_downloads_nothing_unless_it_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setattr("vae.data.sets.digits._fetch", lambda root, name: pytest.fail("a download"))
    config = settings_of("data=mnist", f"data.root='{tmp_path / 'there'}'")
    saved = Saved(tmp_path / "best.ckpt", config, DataSpec("mnist", (1, 28, 28), "boolean"), {})
    with pytest.raises(FileNotFoundError, match=r"mnist needs .* data\.download=false"):
        saved_data(saved, {}).setup()
    assert not (tmp_path / "there").exists()
    assert saved_data(saved, {"download": True}).source.download


RECORDED = {
    "data.cache='{}'": "holds no cache yet",
    "++data.source.cache='{}'": "holds no cache yet",
    "++data.source={{cache: '{}'}}": "holds no cache yet",
    "+data.source.root='{}'": r"the folder of the data is data\.root",
    "data.download=true": "would download files",
}


@pytest.mark.parametrize("override", RECORDED)
def test_a_resumed_run_writes_no_data_where_its_folder_says(tmp_path, override):
    record = tmp_path / "overrides.yaml"
    record.write_text(yaml.safe_dump(["data=celeba", override.format(tmp_path / "there")]))
    with pytest.raises(ValueError, match=f"is not taken over .*{RECORDED[override]}.*command line"):
        recorded_overrides(record, [])


@pytest.mark.parametrize(("data", "forbidden"), [("mnist", True), ("images", False)])
def test_a_resumed_run_downloads_nothing_to_a_folder_that_is_recorded(tmp_path, data, forbidden):
    record = tmp_path / "overrides.yaml"
    record.write_text(yaml.safe_dump([f"data={data}", "data.root=/there"]))
    refusal = "data.download=false"
    assert (refusal in recorded_overrides(record, [])) == forbidden
    for own in ("data.root=here", "data.download=true"):
        assert refusal not in recorded_overrides(record, [own])


def test_the_cache_of_ones_own_earlier_run_is_used_on(tmp_path):
    record, cache = tmp_path / "overrides.yaml", tmp_path / "cache"
    cache.mkdir()
    (cache / "pictures-1.u8").touch()
    record.write_text(yaml.safe_dump([f"data.cache='{cache}'"]))
    assert recorded_overrides(record, []) == [f"data.cache='{cache}'"]


def test_loading_a_model_or_starting_from_it_leaves_its_data_alone(tmp_path, monkeypatch, capsys):
    there = tmp_path / "elsewhere"

    def change(config):
        node = {"_target_": "vae.data.Images", "root": str(there), "cache": str(there)}
        config["data"] = {"source": node, "cache": str(there), "root": str(there)}

    path = hostile_checkpoint(tmp_path / "model.ckpt", change)
    x = torch.from_numpy(np.zeros((2, 6), np.float32))
    assert vae.load(path).encode(x).sample().shape == (2, 3)
    arguments = [*TINY, array(tmp_path), f"init='{path}'", "test=false"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    assert not there.exists()
