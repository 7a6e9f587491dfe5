"""Files that would grow, lie about their size, or describe far more than they hold."""

import hashlib
import json
import struct
import zipfile
from copy import copy, deepcopy

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import vae
from tests.security.payloads import hostile_checkpoint
from vae.data import Array, Images
from vae.limits import FREE_VALUES, Budget


def test_a_zip_bomb_is_refused(tmp_path):
    good, bomb = hostile_checkpoint(tmp_path / "good.ckpt"), tmp_path / "bomb.ckpt"
    checkpoint = torch.load(good, weights_only=True)
    torch.save({**checkpoint, "more": torch.zeros(16_000_000)}, good)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert 100 * bomb.stat().st_size < good.stat().st_size
    assert torch.load(bomb, weights_only=True)["more"].numel() == 16_000_000
    assert vae.load(good).sample(1).isfinite().all()
    with pytest.raises(ValueError, match=r"bomb\.ckpt has compressed entries"):
        vae.load(bomb)


def test_entries_that_overlap_are_refused(tmp_path):
    path = hostile_checkpoint(tmp_path / "model.ckpt")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more", bytes(10_000))
        for number in range(100):
            entry = copy(archive.filelist[-1])
            entry.filename = f"more{number}"
            archive.filelist.append(entry)
    with pytest.raises(ValueError, match="would unpack to more than its own size"):
        vae.load(path)


def shared(levels):
    """Return a list that whoever walks it meets 2**levels times."""
    value = ["x"]
    for _ in range(levels):
        value = [value, value]
    return value


def nested(levels):
    """Return a list of depth `levels`."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


CONFIGS = {
    "many values": (["x"] * 300_000, "more than 200,000 values"),
    "long text": ("x" * 300_000, "more than 200,000 values"),
    "shared lists": (shared(28), "more than 200,000 values"),
    "deep lists": (nested(100), "nested deeper than 32"),
    "a tensor": (torch.zeros(3), "holds a Tensor in its config"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_like_no_other_is_refused(tmp_path, name):
    value, message = CONFIGS[name]
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda config: config.update(more=value))
    with pytest.raises(ValueError, match=message):
        vae.load(path)


HUGE = {
    "latents": {"model": {"latent_dim": 10**9}},
    "a product": {"model": {"encoder": {"hidden": [60_000, 60_000]}}},
    "beyond 32 bits": {"model": {"encoder": {"hidden": [2**62]}}},
    "pseudo-inputs": {"prior": {"_target_": "vae.priors.VampPrior", "num_components": 10**9}},
    "a flow's knots": {"prior": {"_target_": "zuko.flows.NSF", "features": 3, "bins": 10**9}},
    "transforms": {"prior": {"_target_": "zuko.flows.NSF", "features": 3, "transforms": 10**9}},
}


def merge(config, changes):
    """Change nested settings in place."""
    for key, value in changes.items():
        if isinstance(value, dict) and "_target_" not in value:
            merge(config[key], value)
        else:
            config[key] = value


@pytest.mark.parametrize("name", HUGE)
def test_a_model_far_larger_than_its_file_is_not_built(tmp_path, name):
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda config: merge(config, HUGE[name]))
    assert path.stat().st_size < 50_000
    message = "Storage size calculation overflowed" if name == "beyond 32 bits" else "far larger"
    with pytest.raises(ValueError, match=message):
        vae.load(path)


def test_copies_count():
    few, many = torch.zeros(1000), torch.zeros(FREE_VALUES)
    with Budget(0):
        copied = deepcopy(few)
    assert copied.equal(few)
    with pytest.raises(ValueError, match="far larger"), Budget(0):
        deepcopy(many)


def test_a_model_of_another_shape_is_refused_by_name(tmp_path):
    changes = {"model": {"encoder": {"hidden": [9]}}}
    path = hostile_checkpoint(tmp_path / "model.ckpt", lambda config: merge(config, changes))
    with pytest.raises(ValueError, match=r"does not hold a model that fits: .*size mismatch"):
        vae.load(path)


@pytest.fixture
def export(tmp_path):
    """A good export."""
    return vae.export(hostile_checkpoint(tmp_path / "model.ckpt"), tmp_path / "shared")


def rewrite(folder, content):
    """Replace the weights of an export by such bytes, and give the config their checksum."""
    (folder / "model.safetensors").write_bytes(content)
    config = json.loads((folder / "config.json").read_text())
    config["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))


def framed(header, data=b""):
    """Return a safetensors file of a header and data."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape, begin, end):
    """Return the header of one tensor."""
    return {"w": {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}}


LIES = {
    "empty": lambda good: b"",
    "truncated": lambda good: good[:-100],
    "a longer header": lambda good: struct.pack("<Q", 2**60) + good[8:],
    "offsets beyond the file": lambda good: framed(entry([10**12], 0, 4 * 10**12)),
    "offsets backwards": lambda good: framed(entry([1], 4, 0), bytes(4)),
    "a shape beyond its bytes": lambda good: framed(entry([10**9], 0, 4), bytes(4)),
    "a negative size": lambda good: framed(entry([-1], 0, 4), bytes(4)),
    "no header": lambda good: struct.pack("<Q", 4) + b"abcd",
}


@pytest.mark.parametrize("name", LIES)
def test_weights_that_lie_about_themselves_are_refused(export, name):
    rewrite(export, LIES[name]((export / "model.safetensors").read_bytes()))
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged, or not a safetensors"):
        vae.load(export)


def test_honest_weights_of_something_else_are_refused(export):
    rewrite(export, framed(entry([1], 0, 4), bytes(4)))
    assert load_file(export / "model.safetensors")["w"] == 0
    with pytest.raises(ValueError, match="does not hold a model that fits"):
        vae.load(export)


TEXTS = {
    "no text": (b"\xff\xfe\x00", "is not JSON"),
    "no JSON": (b"hello", "is not JSON"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "is not JSON: RecursionError"),
    "a list": (b"[1]", "is not the config of an export"),
    "of others": (b'{"model_type": "bert"}', "is not the config of an export"),
    "a large number": (b'{"format": 1' + b"0" * 400 + b"}", "beyond 64 bits"),
    "no model": (b'{"format": 1, "sha256": ""}', "does not describe a model"),
    "large": (b" " * 5_000_000, "is larger than 4 MB"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_config_file_that_is_none_is_refused(export, name):
    content, message = TEXTS[name]
    (export / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        vae.load(export)


@pytest.mark.parametrize(("key", "value"), [("shape", "abc"), ("shape", [10**9] * 3), ("more", 1)])
def test_a_description_of_impossible_data_is_refused(export, key, value):
    config = json.loads((export / "config.json").read_text())
    config["spec"][key] = value
    (export / "config.json").write_text(json.dumps(config))
    told = "does not say what data|does not hold a model that fits|have the shape 'abc'"
    with pytest.raises(ValueError, match=told):
        vae.load(export)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_half_an_export_is_refused(export, missing):
    (export / missing).unlink()
    with pytest.raises(FileNotFoundError, match=r"holds neither config\.json|no weights at"):
        vae.load(export)


@pytest.mark.parametrize("count", [10**9, 10**13, 10**17])
def test_an_array_that_promises_more_than_it_holds_is_refused(tmp_path, count):
    path = tmp_path / "vectors.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, 6)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(100))
    with pytest.raises(ValueError, match=r"vectors\.npy is damaged or no NumPy"):
        Array(str(path)).load()


@pytest.mark.parametrize(
    ("side", "message"),
    [(9_100, r"more than data\.max_pixels"), (20_000, "too large to be decoded")],
)
def test_a_picture_bomb_is_refused(tmp_path, side, message):
    path = tmp_path / "pictures" / "bomb.png"
    path.parent.mkdir()
    Image.new("1", (side, side)).save(path)
    assert side**2 > 1_000 * path.stat().st_size
    with pytest.raises(ValueError, match=message):
        Images(str(path.parent), cache=str(tmp_path / "cache")).load()
