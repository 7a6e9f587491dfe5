"""An export is the model of its checkpoint, bit for bit, or is refused."""

import json
import resource
from dataclasses import asdict

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from safetensors.torch import load_file

import vae
from tests.compose import settings_of
from tests.training.runs import make_run, make_trainer, same
from vae.data import DataSpec
from vae.training import VAEModule
from vae.training.callbacks import EMA

SPEC = DataSpec("binary", (1, 16, 16), "boolean", 2)
CONV = ["model.latent_dim=4", "model.encoder.channels=[4,4]", "model.encoder.hidden=[8]"]
MLP = ["model=mlp", "model.latent_dim=4", "model.encoder.hidden=[8]"]
VARIANTS = {
    "conv": CONV,
    "mlp": MLP,
    "resnet": ["model=resnet", "model.latent_dim=4", "model.encoder.channels=[8,8]"],
    "vamp": [*MLP, "prior=vamp", "prior.num_components=3"],
    "flows": [*CONV, "posterior=nsf", "prior=nsf"],
    "categorical": [*MLP, "posterior=categorical"],
    "joint": [*MLP, "posterior=joint"],
    "mixture": [*MLP, "likelihood=discretized_logistic_mixture"],
    "optimal scale": [*MLP, "likelihood=normal_optimal"],
}


def checkpoint_of(path, *overrides):
    """Write the checkpoint of an untrained model."""
    module = VAEModule.from_config(settings_of("data=sprites", *overrides), SPEC)
    hparams = {"config": dict(module.hparams["config"]), "spec": asdict(SPEC)}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": hparams}, path)
    return path


def check_equal(ours, theirs):
    """Check every tensor, whether saved or not, and what two models draw."""
    assert not theirs.training
    assert same(dict(ours.state_dict()), dict(theirs.state_dict()))
    assert same(dict(ours.named_buffers()), dict(theirs.named_buffers()))
    draws = []
    for model in (ours, theirs):
        torch.manual_seed(1)
        x = model.sample(3, noise=True)
        draws.append((x, model(x, num_samples=2).log_weight))
    assert same(*draws)


@pytest.mark.parametrize("name", VARIANTS)
def test_an_export_is_the_model_of_the_checkpoint(name, tmp_path):
    run = tmp_path / "ein Lauf"
    path = checkpoint_of(run / "checkpoints" / "best.ckpt", *VARIANTS[name])
    folder = vae.export(run, tmp_path / "geteilt" / "模型")
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    ours = vae.load(path)
    for source in (folder, str(folder), folder / "model.safetensors", run):
        check_equal(ours, vae.load(source))
    config = json.loads((folder / "config.json").read_text())
    assert (config["format"], config["version"]) == (1, vae.__version__)
    assert sorted(config["config"]) == ["likelihood", "model", "posterior", "prior"]


@pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated", "ignore:.*many workers")
def test_an_export_of_an_averaged_run_holds_the_average(tmp_path):
    module, data = make_run(tmp_path)
    saver = ModelCheckpoint(tmp_path / "run", filename="best", monitor="val/elbo", mode="max")
    make_trainer(tmp_path, saver, EMA(decay=0.9), epochs=1).fit(module, data)
    folder = vae.export(tmp_path / "run" / "best.ckpt", tmp_path / "shared")
    exported = vae.load(folder)
    check_equal(vae.load(tmp_path / "run" / "best.ckpt"), exported)
    raw = torch.load(tmp_path / "run" / "best.ckpt", weights_only=True)["current_model_state"]
    differing = [
        k for k, v in exported.state_dict().items() if not torch.equal(raw[f"model.{k}"], v)
    ]
    assert differing


def test_shared_and_strided_weights_are_exported(tmp_path):
    path = checkpoint_of(
        tmp_path / "model.ckpt", "model=mlp", "model.encoder.hidden=[4]", "model.latent_dim=4"
    )
    checkpoint = torch.load(path, weights_only=True)
    state = checkpoint["state_dict"]
    square = state["model.decoder.net.layers.0.weight"]
    assert square.shape == (4, 4)
    state["model.decoder.net.layers.0.weight"] = square.T  # strided
    state["model.decoder.net.layers.0.bias"] = square[0]  # and of the same storage
    torch.save(checkpoint, path)
    check_equal(vae.load(path), vae.load(vae.export(path, tmp_path / "shared")))


def test_an_export_replaces_an_earlier_one_and_nothing_else(tmp_path):
    first = checkpoint_of(tmp_path / "first.ckpt", *MLP)
    second = checkpoint_of(tmp_path / "second.ckpt", *MLP)
    folder = tmp_path / "shared"
    vae.export(first, folder)
    vae.export(second, folder)
    check_equal(vae.load(second), vae.load(folder))
    for content in ("photo.jpg", "config.json"):
        other = tmp_path / f"with {content}"
        other.mkdir()
        (other / content).write_text("{}")
        with pytest.raises(ValueError, match="is not empty and holds no export"):
            vae.export(first, other)
        assert [p.name for p in other.iterdir()] == [content]
    with pytest.raises(ValueError, match="is a file"):
        vae.export(first, first)
    with pytest.raises(FileNotFoundError, match="neither config.json nor checkpoints"):
        vae.export(tmp_path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_kill_between_the_two_files_is_noticed(tmp_path):
    folder = vae.export(checkpoint_of(tmp_path / "first.ckpt", *MLP), tmp_path / "shared")
    before = (folder / "model.safetensors").read_bytes()
    vae.export(checkpoint_of(tmp_path / "second.ckpt", *MLP), folder)
    (folder / "model.safetensors").write_bytes(before)
    with pytest.raises(ValueError, match=r"is damaged, or belongs to another config\.json"):
        vae.load(folder)


@pytest.mark.parametrize("limit", [100, 8_000])
def test_a_full_disk_leaves_the_old_export(tmp_path, limit):
    """Made by a limit on the size of files: below the config's, and between the two."""
    first = checkpoint_of(tmp_path / "first.ckpt", *MLP)
    second = checkpoint_of(tmp_path / "second.ckpt", *MLP)
    folder = vae.export(first, tmp_path / "shared")
    sizes = sorted(p.stat().st_size for p in folder.iterdir())
    assert sizes[0] < 8_000 < sizes[1]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            vae.export(second, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    check_equal(vae.load(first), vae.load(folder))
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("position", [0.3, 0.9])
def test_a_flipped_bit_is_noticed(tmp_path, position):
    folder = vae.export(checkpoint_of(tmp_path / "model.ckpt", *MLP), tmp_path / "shared")
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)
    load_file(path)  # which notices nothing
    with pytest.raises(ValueError, match="is damaged"):
        vae.load(folder)


def test_an_export_of_another_format_says_who_wrote_it(tmp_path):
    folder = vae.export(checkpoint_of(tmp_path / "model.ckpt", *MLP), tmp_path / "shared")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 2, "version": "9.1"}))
    with pytest.raises(ValueError, match=r"has format 2, this version reads 1: .* version 9\.1"):
        vae.load(folder)
