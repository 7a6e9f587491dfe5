"""Data sets with factors, from small files in the published layout."""

import io
import zipfile

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from vae.data import DataModule, FactorSet
from vae.data.sets import factors
from vae.data.sets.factors import SETS

SIZES = {  # of the fake files
    "dsprites": {"shape": 3, "scale": 2, "orientation": 2, "posX": 2, "posY": 3},
    "shapes3d": {"floor_hue": 2, "wall_hue": 3, "object_hue": 2, "scale": 2, "shape": 4, "o": 2},
    "smallnorb": {"category": 5, "instance": 4, "elevation": 2, "azimuth": 3, "lighting": 2},
    "cars3d": {"car": 3, "azimuth": 4, "elevation": 2},
    "mpi3d_toy": {"color": 2, "object_shape": 3, "size": 2, "height": 3},
}
RNG = np.random.default_rng(0)


def grid(sizes):
    return np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), 1)


def save_dsprites(path, sizes):
    """With the pickled member that the published file has."""
    combinations = grid(sizes)
    classes = np.concatenate([np.zeros((len(combinations), 1), np.int64), combinations], 1)
    pictures = RNG.integers(0, 2, (len(classes), 64, 64), np.uint8)
    np.savez_compressed(
        path, imgs=pictures, latents_classes=classes, metadata=np.array({"author": "x"}, object)
    )
    return pictures[:, None], combinations


def save_shapes3d(path, sizes):
    combinations = grid(sizes)
    pictures = RNG.integers(0, 256, (len(combinations), 64, 64, 3), np.uint8)
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=pictures, compression="gzip")
        file.create_dataset("labels", data=combinations * 0.1 - 0.3)
    return pictures.transpose(0, 3, 1, 2), combinations


def save_mpi3d(path, sizes):
    combinations = grid(sizes)
    pictures = RNG.integers(0, 256, (len(combinations), 64, 64, 3), np.uint8)
    np.savez(path, images=pictures.reshape(*sizes, 64, 64, 3))
    return pictures.transpose(0, 3, 1, 2), combinations


def shrunk(picture):
    return np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.LANCZOS))


def save_cars3d(path, sizes):
    cars, azimuths, elevations = sizes
    found = []
    for car in range(cars):
        mesh = RNG.integers(0, 256, (128, 128, 3, azimuths, elevations), np.uint8)
        savemat(path.parent / f"car_{car:03}_mesh.mat", {"im": mesh}, do_compression=True)
        for a in range(azimuths):
            found += [shrunk(mesh[..., a, e]).transpose(2, 0, 1) for e in range(elevations)]
    return np.stack(found), grid(sizes)


def norb_bytes(array, magic):
    dims = [*array.shape, 1, 1][: max(3, array.ndim)]
    head = np.array([magic, array.ndim, *dims], "<i4")
    return head.tobytes() + array.tobytes()


def save_smallnorb(path, sizes):
    """Half of the instances in each part, in an order of its own."""
    combinations, found = RNG.permutation(grid(sizes)), []
    for part, chosen in zip(factors.NORB_PARTS, (0, 1), strict=True):
        rows = combinations[combinations[:, 1] % 2 == chosen]
        pairs = RNG.integers(0, 256, (len(rows), 2, 96, 96), np.uint8)
        info = (rows[:, 1:] * [1, 1, 2, 1]).astype("<i4")
        stem = path.parent / f"smallnorb-{part}"
        files = {"dat": (pairs, 0x1E3D4C55), "info": (info, 0x1E3D4C54)}
        files["cat"] = (rows[:, 0].astype("<i4"), 0x1E3D4C54)
        for kind, (array, magic) in files.items():
            stem.with_name(f"{stem.name}-{kind}.mat").write_bytes(norb_bytes(array, magic))
        found.append((np.stack([shrunk(pair[0]) for pair in pairs])[:, None], rows))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


SAVERS = {
    "dsprites": save_dsprites,
    "shapes3d": save_shapes3d,
    "smallnorb": save_smallnorb,
    "cars3d": save_cars3d,
    "mpi3d_toy": save_mpi3d,
}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Write a small set, and return the source of it with what it should hold."""

    def made(name):
        monkeypatch.setitem(SETS, name, SETS[name]._replace(sizes=SIZES[name]))
        path = tmp_path / SETS[name].files[0]
        path.parent.mkdir()
        expected = SAVERS[name](path, tuple(SIZES[name].values()))
        return FactorSet(name, str(tmp_path), cache=str(tmp_path / "cache")), path, *expected

    return made


@pytest.mark.parametrize("name", SAVERS)
def test_pictures_and_factors_are_those_of_the_files(make, name):
    source, _, pictures, combinations = make(name)
    for _ in range(2):  # from the files, then from the cache
        splits = source.load()
        examples = splits.train
        assert (splits.val, splits.test) == (None, None)
        assert torch.equal(examples.take(torch.arange(len(examples))), torch.from_numpy(pictures))
        assert torch.equal(examples.factors, torch.from_numpy(combinations).long())
    label = SETS[name].label
    if label is None:
        assert examples.labels is None
    else:
        column = list(SIZES[name]).index(label)
        assert torch.equal(examples.labels, examples.factors[:, column])


@pytest.mark.parametrize("name", SAVERS)
def test_the_data_module_splits_and_scales_them(make, name):
    source, *_ = make(name)
    data = DataModule(source, val_size=5, test_size=6)
    spec = data.spec
    assert spec.factor_names == tuple(SIZES[name])
    assert spec.factor_sizes == tuple(SIZES[name].values())
    sample = data.examples("test")
    assert sample["x"].shape == (6, SETS[name].channels, 64, 64)
    assert 0.9 < sample["x"].max() <= 1
    assert sample["factors"].shape == (6, len(SIZES[name]))


@pytest.mark.parametrize("name", sorted(SETS))
def test_the_published_sizes_are_known_without_files(name, tmp_path):
    counts = {"dsprites": 737_280, "shapes3d": 480_000, "smallnorb": 48_600, "cars3d": 17_568}
    source = FactorSet(name, str(tmp_path))
    assert np.prod(source.spec.factor_sizes) == counts.get(name, 1_036_800)
    with pytest.raises(FileNotFoundError) as error:
        source.load()
    assert all(file in str(error.value) for file in SETS[name].files)
    assert str(tmp_path) in str(error.value)
    assert "data=sprites, which needs no files" in str(error.value)


@pytest.mark.parametrize("name", SAVERS)
@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty"])
def test_files_that_are_damaged_or_foreign_are_refused(make, name, damage):
    source, path, *_ = make(name)
    path = sorted(path.parent.glob(path.name))[0]
    content = path.read_bytes()
    wrong = {"truncated": content[: len(content) // 2], "foreign": b"GIF89a" * 900, "empty": b""}
    path.write_bytes(wrong[damage])
    with pytest.raises(ValueError, match=rf"{name} in .* cannot be read \(.*place them again"):
        source.load()
    assert not list((path.parents[1] / "cache").glob("*"))


def test_a_set_of_another_size_is_refused(make, monkeypatch):
    for name, message in [
        ("dsprites", "factors have shape"),
        ("shapes3d", "no plain array labels"),
        ("cars3d", "there are 3 .mat files where 4"),
        ("mpi3d_toy", "there are fewer pictures"),
    ]:
        source, *_ = make(name)
        first, *others = SIZES[name].items()
        larger = {first[0]: first[1] + 1, **dict(others)}
        monkeypatch.setitem(SETS, name, SETS[name]._replace(sizes=larger))
        source = FactorSet(name, str(source.root), cache=source.cache)
        with pytest.raises(ValueError, match=message):
            source.load()


def test_factors_that_are_no_grid_are_refused(make):
    source, path, *_ = make("dsprites")
    with np.load(path) as file:
        arrays = {key: file[key] for key in ("imgs", "latents_classes")}
    for row, message in [([0] * 6, "occurs twice"), ([0, 9, 0, 0, 0, 0], "outside its range")]:
        changed = arrays["latents_classes"].copy()
        changed[-1] = row
        np.savez_compressed(path, imgs=arrays["imgs"], latents_classes=changed)
        with pytest.raises(ValueError, match=message):
            source.load()
    np.savez_compressed(path, **{**arrays, "imgs": arrays["imgs"] * 255})
    with pytest.raises(ValueError, match="beyond 0 and 1"):
        source.load()


def test_pictures_without_end_do_not_fill_the_disk(make, tmp_path):
    source, path, *_ = make("mpi3d_toy")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2_000, 64, 64, 3)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(2_000 * 12_288))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="more pictures than expected"):
        source.load()


def test_an_hdf5_file_that_reads_another_file_is_refused(make, tmp_path):
    source, path, *_ = make("shapes3d")
    path.rename(tmp_path / "secret.h5")
    with h5py.File(path, "w") as file:
        file["labels"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "labels")
    with pytest.raises(ValueError, match="no plain array labels"):
        source.load()


def test_a_missing_package_is_named(make, monkeypatch):
    source, *_ = make("shapes3d")
    monkeypatch.setattr("vae.data.sets.standard.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="shapes3d needs the package h5py: pip install h5py"):
        source.load()


def test_a_name_that_is_no_set_is_refused():
    with pytest.raises(ValueError, match=r"data\.name must be one of dsprites, shapes3d"):
        FactorSet("3dshapes")
