"""The well-known sets: tiny files in their true layout, missing files, and silent servers."""

import os
import pickle
import shutil
import socket
import struct
import threading
import time
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image

from vae.data import (
    CIFAR10,
    CIFAR100,
    EMNIST,
    KMNIST,
    MNIST,
    STL10,
    SVHN,
    CelebA,
    DataModule,
    FashionMNIST,
    Omniglot,
)
from vae.data.sets import standard

RNG = np.random.default_rng(0)
SETS = (MNIST, FashionMNIST, KMNIST, EMNIST, Omniglot, CIFAR10, CIFAR100, SVHN, STL10, CelebA)


def bytes_of(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture
def any_checksum(monkeypatch):
    """Tiny files cannot have the true files' checksums."""

    def exists(path, md5=None):
        return os.path.isfile(path)

    for module in ("cifar", "svhn", "stl10"):
        monkeypatch.setattr(f"torchvision.datasets.{module}.check_integrity", exists)


@pytest.mark.parametrize(
    ("cls", "folder"), [(MNIST, "MNIST"), (FashionMNIST, "FashionMNIST"), (KMNIST, "KMNIST")]
)
def test_mnist_and_its_kin(tmp_path, cls, folder):
    pictures = {"train": bytes_of(12, 28, 28), "t10k": bytes_of(5, 28, 28)}
    for part, x in pictures.items():
        write_idx(tmp_path / folder / "raw" / f"{part}-images-idx3-ubyte", x)
        labels = np.arange(len(x), dtype=np.uint8) % 10
        write_idx(tmp_path / folder / "raw" / f"{part}-labels-idx1-ubyte", labels)
    splits = cls(str(tmp_path)).load()
    for examples, x in zip((splits.train, splits.test), pictures.values(), strict=True):
        assert np.array_equal(examples.take(torch.arange(len(x))).numpy()[:, 0], x)
        assert examples.labels.tolist() == [i % 10 for i in range(len(x))]


def test_emnist_letters_stand_upright_and_count_from_zero(tmp_path):
    x = bytes_of(6, 28, 28)
    for part in ("train", "test"):
        prefix = tmp_path / "EMNIST" / "raw" / f"emnist-letters-{part}"
        write_idx(prefix.with_name(prefix.name + "-images-idx3-ubyte"), x)
        write_idx(prefix.with_name(prefix.name + "-labels-idx1-ubyte"), np.full(6, 26, np.uint8))
    source = EMNIST(str(tmp_path), split="letters")
    train = source.load().train
    assert source.spec.num_classes == 26
    assert np.array_equal(train.take(torch.arange(6)).numpy()[:, 0], x.swapaxes(1, 2))
    assert train.labels.tolist() == [25] * 6
    with pytest.raises(ValueError, match=r"data\.split must be one of byclass"):
        EMNIST(split="capitals")


def test_classes_have_the_names_of_their_authors(tmp_path):
    from torchvision import datasets

    assert FashionMNIST(str(tmp_path)).spec.class_names == tuple(datasets.FashionMNIST.classes)
    assert KMNIST(str(tmp_path)).spec.class_names == tuple(datasets.KMNIST.classes)
    for cls, name in ((CIFAR10, "frog"), (STL10, "deer")):
        names = cls(str(tmp_path)).spec.class_names
        assert (len(names), sorted(names)) == (10, [*names])
        assert name in names
    assert STL10(str(tmp_path), unlabeled=True).spec.class_names == ()


@pytest.mark.parametrize("damage", ["truncated", "text"])
def test_a_damaged_idx_file_is_named(tmp_path, damage):
    raw = tmp_path / "MNIST" / "raw"
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", bytes_of(4, 28, 28))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.zeros(4, np.uint8))
    file = raw / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000] if damage == "truncated" else b"not found")
    with pytest.raises(ValueError, match=r"cannot be read .train-images-idx3-ubyte is.*delete"):
        MNIST(str(tmp_path)).load()


@pytest.mark.usefixtures("any_checksum")
@pytest.mark.parametrize("cls", [CIFAR10, CIFAR100])
def test_cifar(tmp_path, cls):
    ten = cls is CIFAR10
    folder = tmp_path / ("cifar-10-batches-py" if ten else "cifar-100-python")
    folder.mkdir()
    key = "labels" if ten else "fine_labels"
    parts = [f"data_batch_{i}" for i in range(1, 6)] if ten else ["train"]
    data = bytes_of(4, 3072)
    for name in (*parts, "test_batch" if ten else "test"):
        (folder / name).write_bytes(pickle.dumps({"data": data, key: [0, 1, 2, 3]}))
    meta = {"label_names": ["a"], "fine_label_names": ["a"]}
    (folder / ("batches.meta" if ten else "meta")).write_bytes(pickle.dumps(meta))
    splits = cls(str(tmp_path)).load()
    assert len(splits.train) == 4 * len(parts)
    assert np.array_equal(splits.test.take(torch.arange(4)).numpy().reshape(4, -1), data)
    assert splits.test.labels.tolist() == [0, 1, 2, 3]


def test_files_with_wrong_checksums_are_never_unpickled(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "x") + b"'\ntR.")
    with pytest.raises(ValueError, match=r"cifar100 in .* cannot be read .*delete its files"):
        CIFAR100(str(tmp_path)).load()
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("any_checksum")
def test_svhn(tmp_path):
    sio = pytest.importorskip("scipy.io")
    x = bytes_of(32, 32, 3, 4)
    for part in ("train", "test"):
        sio.savemat(tmp_path / f"{part}_32x32.mat", {"X": x, "y": np.array([[10], [1], [2], [9]])})
    train = SVHN(str(tmp_path)).load().train
    assert np.array_equal(train.take(torch.arange(4)).numpy(), x.transpose(3, 2, 0, 1))
    assert train.labels.tolist() == [0, 1, 2, 9]


@pytest.mark.usefixtures("any_checksum")
def test_stl10(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    x = bytes_of(3, 3, 96, 96)
    for part in ("train", "test", "unlabeled"):
        (folder / f"{part}_X.bin").write_bytes(x.tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes([1, 2, 10]))
    train = STL10(str(tmp_path)).load().train
    assert np.array_equal(train.take(torch.arange(3)).numpy(), x.swapaxes(2, 3))
    assert train.labels.tolist() == [0, 1, 9]
    both = STL10(str(tmp_path), unlabeled=True)
    assert both.spec.num_classes is None
    assert len(both.load().train) == 6
    assert both.load().train.labels is None


@pytest.mark.parametrize("layout", ["zips", "omniglot-py", "own", "nested"])
def test_omniglot(tmp_path, layout):
    """Also where the disk lists the folders in another order than that of their names."""
    folder = tmp_path / ("own" if layout == "own" else "omniglot-py")
    light, dark = (Image.new("1", (105, 105), value) for value in (1, 0))
    for part in ("images_background", "images_evaluation"):
        place = folder / part / (part if layout == "nested" else "")
        for character, half in (("character02", light), ("character01", dark)):
            where = place / "Greek" / character
            where.mkdir(parents=True)
            stroke = half.copy()
            stroke.paste(0, (0, 0, 105, 50))
            stroke.save(where / "0001_01.png")
            (where / "._0001_01.png").write_bytes(b"Mac OS X")
        if layout == "zips":
            with ZipFile(folder / f"{part}.zip", "w") as archive:
                for file in (folder / part).rglob("[!.]*.png"):
                    archive.write(file, file.relative_to(folder))
            shutil.rmtree(folder / part)
    root = folder if layout == "own" else tmp_path
    splits = Omniglot(str(root), cache=str(tmp_path / "cache")).load()
    x = splits.train.take(torch.arange(2))
    assert x.shape == (2, 1, 28, 28)
    assert (x[..., :13, :] == 255).all()
    assert x[..., 14:, :].amax((1, 2, 3)).tolist() == [255, 0]
    assert splits.train.labels.tolist() == [0, 1]
    assert splits.test.labels.tolist() == [2, 3]


@pytest.mark.parametrize("layout", ["authors'", "Kaggle's", "by itself"])
def test_celeba(tmp_path, layout):
    kaggle = layout != "authors'"
    root = tmp_path / ("archive" if layout == "by itself" else "celeba")
    pictures = root / "img_align_celeba" / ("img_align_celeba" if kaggle else "")
    pictures.mkdir(parents=True)
    names = [f"{i:06d}.jpg" for i in range(1, 10)]
    for i, name in enumerate(names):
        Image.new("RGB", (178, 218), (10 * i,) * 3).save(pictures / name)
    rows = [f"{name}{',' if kaggle else ' '}{i // 3}" for i, name in enumerate(names)]
    listed = root / f"list_eval_partition.{'csv' if kaggle else 'txt'}"
    listed.write_text("\n".join([*(["image_id,partition"] if kaggle else []), *rows]) + "\n")
    given = root if layout == "by itself" else tmp_path
    source = CelebA(str(given), image_size=16, cache=str(tmp_path / "cache"))
    splits = source.load()
    for i, part in enumerate((splits.train, splits.val, splits.test)):
        x = part.take(torch.arange(len(part)))
        assert x.shape == (3, 3, 16, 16)
        assert (
            x.float().mean((1, 2, 3)).sub(torch.tensor([30.0, 40, 50]) + 30 * (i - 1)).abs().max()
            < 2
        )
    with pytest.raises(ValueError, match=r"data\.val_size=null"):
        DataModule(source, val_size=5)
    listed.write_text("000001.jpg,7\n")
    with pytest.raises(ValueError, match=r"list_eval_partition\.\w+ holds '000001.jpg,7', no pict"):
        source.load()
    (pictures / "000003.jpg").unlink()
    listed.write_text("\n".join(rows))
    with pytest.raises(ValueError, match=r"cannot be read .*000003\.jpg"):
        source.load()


@pytest.mark.parametrize("cls", SETS)
def test_missing_files_are_named_at_once_with_their_place(tmp_path, monkeypatch, cls):
    monkeypatch.setattr(standard, "impatient_sockets", None)  # no server is asked
    settings = {} if cls is CelebA else {"download": False}
    source = cls(str(tmp_path / "my data"), **settings)
    with pytest.raises(FileNotFoundError) as error:
        source.load()
    message = str(error.value)
    assert str(tmp_path / "my data") in message
    assert all(name in message for name in source.recipe.files)
    assert "data=sprites" in message
    assert source.spec.shape


def test_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert MNIST("~/sets").root == tmp_path / "sets"


@pytest.fixture
def silent_server():
    """A server that takes connections and never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def accept():
        while True:
            try:
                kept.append(server.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for connection in kept:
        connection.close()


@pytest.mark.parametrize("where", ["silent", "refused"])
def test_a_server_that_never_answers_does_not_hang(tmp_path, monkeypatch, silent_server, where):
    from torchvision import datasets

    url = silent_server if where == "silent" else "http://127.0.0.1:9/"
    monkeypatch.setattr(datasets.MNIST, "mirrors", [url, url])
    monkeypatch.setattr(standard, "TIMEOUT_SECONDS", 0.3)
    start = time.perf_counter()
    with pytest.raises(FileNotFoundError, match=r"the download failed: .*Place them there"):
        MNIST(str(tmp_path)).load()
    assert time.perf_counter() - start < 15  # two mirrors of ten seconds each take longer
    assert socket.getdefaulttimeout() is None


def test_an_unwritable_root(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match="the download failed"):
        MNIST(str(tmp_path / "file" / "data")).load()
