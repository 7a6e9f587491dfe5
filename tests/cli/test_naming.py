"""A run is called after its data and its net, and lies in a folder of that name."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from vae.cli.compose import CONF
from vae.cli.naming import safe

NAMED = {
    ("data=mnist",): "mnist-conv",
    ("data=mnist", "data.root=elsewhere"): "mnist-conv",
    ("data=array", "data.path=a/spectra.npy", "model=mlp"): "spectra-mlp",
    ("data=images", "data.root='~/my photos/'"): "my_photos-conv",
    ("data=shards", "data.root=/tars/v1.2"): "v1.2-conv",
    ("data=array", "data.path='/数据.npy'"): "array-conv",
    ("data=array",): "array-conv",
    ("data=array", "data.path=spectra.npy", "name=mine"): "mine",
}


@pytest.mark.parametrize("overrides", NAMED)
def test_the_folders_of_run_and_sweep_have_the_name_of_the_data(overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    assert config.name == NAMED[overrides]
    for folder in (config.hydra.run.dir, config.hydra.sweep.dir):
        assert folder.startswith(f"outputs/{NAMED[overrides]}/")


def test_a_name_is_safe_wherever_a_path_is_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (".", "/", "~", "..", "a" * 300, "a=b,[c].npy", "-rf", "x\x1b[31m.npz", "ü/ß.npy"):
        name = safe(path)
        assert len(name) <= 40
        assert all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in name)
        assert name[:1] not in (".", "-")
    assert safe(".") == safe(str(tmp_path))
