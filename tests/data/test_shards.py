"""Tar files: every example once an epoch, in an order that a resume finds again; and mistakes."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
from PIL import Image

from vae.data import DataModule, Shards, TrainBatches, cores
from vae.data.formats import members, open_tars
from vae.data.randomness import windowed

ROOT = Path(__file__).parents[2]
TARS, EACH = 5, 12
N = TARS * EACH
FIELDS = ("x", "label")


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def png(value=0, size=(8, 8), mode="RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, (value,) * 3 if mode == "RGB" else value).save(file, "PNG")
    return file.getvalue()


def write(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def vectors(folder: Path, tars=TARS, each=EACH) -> Path:
    """Write vectors (2,) that hold their own number, labelled by it."""
    for t in range(tars):
        numbers = range(t * each, (t + 1) * each)
        arrays = {f"{i:04d}.npy": npy(np.full(2, i, np.float32)) for i in numbers}
        labels = {f"{i:04d}.cls": str(i).encode() for i in numbers}
        write(folder / f"part-{t:03d}.tar", dict(sorted({**arrays, **labels}.items())))
    return folder


def source(folder: Path, **settings) -> Shards:
    return Shards(str(folder), cache=str(folder.parent / "cache"), **settings)


def data_of(folder: Path, window=2, **settings) -> DataModule:
    data = DataModule(source(folder, window=window), **{"batch_size": 4, **settings})
    data.setup()
    data.fields = FIELDS
    return data


def numbers(loader) -> list[int]:
    """Return the numbers of the examples, and check values and labels against each other."""
    training = isinstance(loader, TrainBatches)
    batches = [b.make() for group in loader for _, b in group] if training else list(loader)
    for batch in batches:
        assert torch.equal(batch["x"], batch["label"][:, None].expand(-1, 2).float())
    return [int(i) for batch in batches for i in batch["label"]]


def test_the_library_writes_what_is_read(tmp_path):
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as out:
        for i in range(20):
            picture = np.full((9, 7, 3), i, np.uint8)
            out.write({"__key__": f"class.d/{i:03d}", "png": picture, "cls": i % 3, "json": {}})
    data = source(tmp_path, resize="none")
    assert (data.spec.shape, data.spec.num_classes, data.spec.levels) == ((3, 9, 7), 3, 256)
    train = data.load().train
    assert train.labels.tolist() == [i % 3 for i in range(20)]
    x = train.take(torch.tensor([7, 2]))
    assert (x.dtype, x.shape) == (torch.uint8, (2, 3, 9, 7))
    assert [v.unique().tolist() for v in x] == [[7], [2]]


@pytest.mark.parametrize("window", [1, 2, 8])
def test_an_epoch_takes_every_example_once_some_tars_at_a_time(tmp_path, window):
    loader = data_of(vectors(tmp_path / "v"), window, val_size=1, test_size=1).train_dataloader()
    loader.drop_last = False
    train = set(loader.examples.labels.tolist())
    epochs = []
    for epoch in range(3):
        loader.set_epoch(epoch)
        epochs.append(numbers(loader))
        assert len(epochs[-1]) == N - 2
        assert set(epochs[-1]) == train
        first = epochs[-1][: EACH * min(window, TARS) - 2]
        assert len({i // EACH for i in first}) <= window
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != sorted(epochs[0])


def test_a_window_of_all_groups_is_a_uniform_permutation():
    """Of each place the mean number is that of all, within five deviations of the mean."""
    groups = torch.arange(60) // 12
    orders = torch.stack([windowed(groups, 5, 0, k) for k in range(2000)]).double()
    assert (orders.sort(1).values == torch.arange(60)).all()
    deviation = ((60**2 - 1) / 12 / 2000) ** 0.5
    assert (orders.mean(0) - 29.5).abs().max() < 5 * deviation


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_the_examples(tmp_path, world_size):
    data, seen = data_of(vectors(tmp_path / "v")), []
    for rank in range(world_size):
        loader = data.train_dataloader()
        loader.rank, loader.world_size = rank, world_size
        seen.append(numbers(loader))
    assert len({len(s) for s in seen}) == 1
    together = [i for s in seen for i in s]
    assert len(set(together)) == len(together) > N // 2


def test_parts_of_their_own(tmp_path):
    for name, tars in {"train": 3, "val": 1, "test": 1}.items():
        vectors(tmp_path / "v" / name, tars)
    data = data_of(tmp_path / "v")
    assert data.num_train == 3 * EACH
    assert sorted(numbers(data.val_dataloader())) == list(range(EACH))
    with pytest.raises(ValueError, match=r"has a part of its own for data\.val_size"):
        data_of(tmp_path / "v", val_size=3)


def test_few_examples_come_from_all_tars_and_all_in_the_order_of_the_files(tmp_path):
    for name in ("train", "test"):
        vectors(tmp_path / "v" / name)
    data = data_of(tmp_path / "v")
    few = numbers(data.batches("test", n=20, fields=FIELDS))
    assert few != sorted(few)
    assert len({i // EACH for i in few}) == TARS
    assert numbers(data.batches("test", n=30, fields=FIELDS))[:20] == few
    wholes = [data.batches("test", n=n, fields=FIELDS) for n in (None, 999)]
    for whole in (*wholes, data.test_dataloader()):
        assert numbers(whole) == list(range(N))


def test_noise_belongs_to_the_example_however_it_is_read(tmp_path):
    for name in ("train", "test"):
        pictures = {f"{i:03d}.png": png(100 + i, mode="L") for i in range(20)}
        write(tmp_path / "v" / name / "a.tar", pictures)
    data = DataModule(
        source(tmp_path / "v", mode="gray", resize="none"), batch_size=4, binarization="dynamic"
    )
    few, batches = data.examples("test", 10)["x"], data.batches("test", batch_size=3)
    whole = torch.cat([b["x"] for b in batches])
    place = {int(row): i for i, row in enumerate(batches.examples.rows)}
    rows = data.batches("test", n=10).examples.rows
    assert torch.equal(whole[[place[int(row)] for row in rows]], few)


def test_where_examples_lie_is_found_out_once(tmp_path, monkeypatch):
    folder = vectors(tmp_path / "v")
    assert len(source(folder).load().train) == N
    monkeypatch.setattr("vae.data.formats.tars.scanned", pytest.fail)
    assert len(source(folder).load().train) == N


def test_another_window_is_refused_in_mid_epoch(tmp_path):
    folder = vectors(tmp_path / "v")
    state = data_of(folder, 2).train_dataloader().state_dict()
    with pytest.raises(ValueError, match="window=2, this run has window=3: resume with"):
        data_of(folder, 3).train_dataloader().load_state_dict(state)


def read_all(shards: Shards) -> None:
    """Do what a run does with shards."""
    assert shards.spec.shape
    train = shards.load().train
    train.take(torch.arange(len(train)))


VECTOR, PICTURE = npy(np.ones(3, np.float32)), png()
WRONG = {
    "no label": ({"a.npy": VECTOR, "a.cls": b"1", "b.npy": VECTOR}, "some examples have a .cls"),
    "a label in words": ({"a.npy": VECTOR, "a.cls": b"cat"}, r"a\.cls holds 'cat', no whole"),
    "a negative label": ({"a.npy": VECTOR, "a.cls": b"-1"}, "no whole number from 0 up"),
    "a label of 17 digits": ({"a.npy": VECTOR, "a.cls": b"1" * 17}, "number the classes from 0"),
    "a label of 20 digits": (
        {"a.npy": VECTOR, "a.cls": b"1" * 20},
        "holds '1{20}', no whole number from 0 up of at most 18 digits",
    ),
    "no picture": ({"a.txt": b"hello"}, r"a\.tar: a has txt: set data\.member to its picture"),
    "two": ({"a.left.png": PICTURE, "a.right.png": PICTURE}, "a has left.png, right.png: set data"),
    "one has two": (
        {"a.png": PICTURE, "b.left.png": PICTURE, "b.right.png": PICTURE},
        r"a\.tar: b has left\.png, right\.png: set data\.member to one",
    ),
    "one lacks a picture": ({"a.png": PICTURE, "b.txt": b""}, "b has no picture, but txt"),
    "only what a Mac adds": ({"._a.png": PICTURE}, "holds no files: write it again"),
    "one lacks": ({"a.npy": VECTOR, "b.txt": b""}, r"a\.tar: b has no \.npy, but txt"),
    "nothing": ({}, "holds no files: write it again"),
    "another shape": (
        {"a.npy": VECTOR, "b.npy": npy(np.ones(4, np.float32))},
        r"a\.tar/b\.npy is float32 of shape \(4,\), the first example float32 of shape \(3,\)",
    ),
    "another type": ({"a.npy": VECTOR, "b.npy": npy(np.ones(3, bool))}, r"b\.npy is bool of shape"),
    "double precision": ({"a.npy": npy(np.ones(3))}, r"a\.npy is float64 .*: store uint8"),
    "no number": ({"a.npy": npy(np.full(3, np.nan, np.float32))}, r"a\.npy holds NaN or infinity"),
    "Python objects": ({"a.npy": npy(np.array([{}]))}, r"a\.npy is object of shape"),
    "a short array": ({"a.npy": VECTOR[:-1]}, r"a\.npy is cut short"),
    "no array": ({"a.npy": b"hello"}, r"a\.npy is damaged or no \.npy array"),
    "a cut picture": ({"a.png": PICTURE, "b.png": PICTURE[:-30]}, r"a\.tar/b\.png cannot be read"),
    "no picture in it": (
        {"a.png": b"hello"},
        r"a\.tar/a\.png cannot be read as a picture \(cannot identify image file the file\)",
    ),
    "two of one name": ({"a.png": PICTURE, "a.PNG": PICTURE}, r"a\.tar: a has two members a\.PNG"),
    "channels last": (
        {"a.npy": npy(np.ones((8, 9, 3), bool))},
        r"a\.npy has shape \(8, 9, 3\), with channels last it seems: set data\.channels=last",
    ),
    "two dimensions": (
        {"a.npy": npy(np.ones((8, 9), bool))},
        r"shape \(8, 9\): set data\.channels=none for pictures \(H, W\), or first for signals \(C",
    ),
    "a number for a class": (
        {"a.npy": VECTOR, "a.cls": b"999999999"},
        r"\(\.cls\) reach 999,999,999 but take only 1 values: number the classes from 0",
    ),
    "sizes": (
        {"a.png": PICTURE, "b.png": png(size=(9, 8))},
        r"b\.png is 8×9 pixels \(H×W\), the first picture 8×8: set data\.image_size=64",
    ),
    "transparency": ({"a.png": png(mode="LA", value=(1, 2))}, r"a\.png has transparency"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_used_is_named(tmp_path, name):
    members, told = WRONG[name]
    write(tmp_path / "v" / "a.tar", members)
    with pytest.raises(ValueError, match=told):
        read_all(source(tmp_path / "v", resize="none", channels=None))


def test_damaged_tars_are_named(tmp_path):
    path = vectors(tmp_path / "v", 2) / "part-001.tar"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 3], b"", b"no tar" * 300, content[:700]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"part-001\.tar"):
            source(tmp_path / "v").load()


def test_a_tar_that_shrinks_meanwhile_is_named(tmp_path):
    train = source(vectors(tmp_path / "v", 1)).load().train
    path = tmp_path / "v" / "part-000.tar"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"part-000\.tar is cut short"):
        train.take(torch.arange(EACH))


def test_absent_shards(tmp_path):
    with pytest.raises(ValueError, match=r"data=shards needs data\.root="):
        Shards("")
    with pytest.raises(FileNotFoundError, match=r"no folder .*: set data\.root"):
        source(tmp_path / "none").load()
    (tmp_path / "v").mkdir()
    with pytest.raises(FileNotFoundError, match=r"No tar files in .*: shards are called"):
        source(tmp_path / "v").load()


@pytest.mark.parametrize("setting", [{"window": 0}, {"resize": "no"}, {"mode": "cmyk"}])
def test_bad_settings(setting):
    with pytest.raises(ValueError, match=rf"data\.{next(iter(setting))}"):
        Shards("shards", **setting)


def test_what_needs_all_data_in_memory_is_refused(tmp_path):
    folder = vectors(tmp_path / "v")
    with pytest.raises(ValueError, match=r"standardize=true takes all data into memory, not data="):
        data_of(folder, standardize=True)
    with pytest.raises(ValueError, match="leaves the data in files: use"):
        source(folder).load().train.to(torch.device("meta"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_an_epoch_takes_the_memory_of_some_batches(tmp_path):
    """Of 400 MB of arrays in 20 tars, read in batches of 3 MB."""
    content = npy(np.zeros((200_000,), np.uint8))
    for t in range(20):
        write(tmp_path / "v" / f"{t}.tar", {f"{i}.npy": content for i in range(100)})
    places = [str(tmp_path / "v"), str(tmp_path / "cache")]
    command = [sys.executable, "-m", "tests.data.memory", "shards", *places]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert float(done.stdout) < 100


def test_pictures_and_arrays_of_zero_and_one_are_bits(tmp_path):
    bits = (np.arange(120 * 64) % 3 == 0).reshape(120, 8, 8).astype(np.uint8)
    for suffix in ("png", "npy"):
        folder = tmp_path / suffix
        made = [npy(x) if suffix == "npy" else encoded(x) for x in bits]
        write(folder / "a.tar", {f"{i:03d}.{suffix}": content for i, content in enumerate(made)})
        png_only = {"mode": "gray", "resize": "none"}
        settings = png_only if suffix == "png" else {"channels": "none"}
        data = DataModule(source(folder, **settings), batch_size=4)
        assert (data.spec.support, data.spec.levels) == ("boolean", 2)
        assert data.examples("train", 9)["x"].unique().tolist() == [0, 1]
        assert data.describe()["values"].startswith("0 and 1, taken as bits")
    # One that is not looked at is met when it is read.
    made[2] = npy(np.full((8, 8), 7, np.uint8))
    write(folder / "a.tar", {f"{i:03d}.npy": content for i, content in enumerate(made)})
    examples = source(folder, channels="none").load().train
    with pytest.raises(ValueError, match=r"002\.npy holds 7, but the training .* only 0 and 1"):
        examples.take(torch.arange(3))


def test_deep_values_are_no_bits_though_their_bytes_are(tmp_path):
    """Of 16 bits 200 becomes the byte 1: that of 12 bits of three pictures is told as it is."""
    for i, value in enumerate((1, 200)):
        pictures = {f"{k}.png": encoded(np.full((8, 8), value, np.uint16)) for k in range(3)}
        write(tmp_path / str(i) / "a.tar", pictures | {"3.png": png(1, mode="L")})
    data = source(tmp_path / "1", mode="gray", resize="none")
    assert (data.spec.support, data.spec.levels) == ("unit_interval", 256)
    assert data.load().facts["values"].startswith("at most 200 of 65535")
    assert source(tmp_path / "0", mode="gray", resize="none").spec.support == "boolean"


def test_the_summary_says_how_many_were_looked_at(tmp_path):
    write(tmp_path / "v" / "train" / "a.tar", {f"{i}.png": png(9) for i in range(3)})
    assert "looked at" not in source(tmp_path / "v").load().facts["values"]
    write(tmp_path / "v" / "test" / "a.tar", {"0.png": png(9)})
    assert source(tmp_path / "v").load().facts["values"].endswith("(3 looked at)")


def test_headers_are_parsed_only_where_they_differ(tmp_path, monkeypatch):
    """Parsing in several threads at once fails now and then on Python 3.11."""
    other = io.BytesIO()
    np.lib.format.write_array(other, np.full(3, 2, np.float32), version=(2, 0))
    same = {f"{i}.npy": VECTOR for i in range(8)}
    write(tmp_path / "v" / "a.tar", same | {"8.npy": other.getvalue()})
    calls = []
    header = members.read_header
    monkeypatch.setattr(members, "read_header", lambda file: (calls.append(1), header(file))[1])
    x = source(tmp_path / "v").load().train.take(torch.arange(9))
    assert x[:, 0].tolist() == [1.0] * 8 + [2.0]
    assert len(calls) == 2


@pytest.mark.parametrize(("channels", "shape"), [("none", (1, 4, 3)), ("last", (3, 4))])
def test_arrays_with_channels_elsewhere(tmp_path, channels, shape):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    write(tmp_path / "v" / "a.tar", {"a.npy": npy(x)})
    data = source(tmp_path / "v", channels=channels)
    assert data.spec.shape == shape
    taken = data.load().train.take(torch.arange(1))[0].numpy()
    np.testing.assert_array_equal(taken, x[None] if channels == "none" else x.T)


def encoded(x) -> bytes:
    file = io.BytesIO()
    Image.fromarray(x).save(file, "PNG")
    return file.getvalue()


def test_a_stack_is_refused_or_its_first_page_taken(tmp_path):
    file = io.BytesIO()
    first, second = (Image.new("L", (8, 8), value) for value in (10, 20))
    first.save(file, "TIFF", save_all=True, append_images=[second])
    write(tmp_path / "a.tar", {"0.tif": file.getvalue()})
    with pytest.raises(ValueError, match=r"0\.tif holds 2 pages or frames"):
        source(tmp_path, mode="gray").spec  # noqa: B018
    x = source(tmp_path, mode="gray", pages="first").load().train.take(torch.arange(1))
    assert x.unique().tolist() == [10]
    with pytest.raises(ValueError, match=r"data\.pages must be one of refuse, first; got 'all'"):
        source(tmp_path, pages="all")


def test_a_tar_is_opened_once_and_its_first_example_looked_for_once(tmp_path, monkeypatch):
    folder = vectors(tmp_path / "v")
    source(folder).load()  # where examples lie is known from here on
    opened, headers = [], []
    open_file, next_header = os.open, tarfile.TarFile.next
    monkeypatch.setattr(os, "open", lambda path, *a: opened.append(path) or open_file(path, *a))
    monkeypatch.setattr(tarfile.TarFile, "next", lambda tar: headers.append(1) or next_header(tar))
    monkeypatch.setattr(open_tars, "MOST", 2)
    shards = source(folder)
    train = shards.load().train
    for start in range(0, N, EACH):
        for _ in range(3):
            train.take(torch.arange(start, start + EACH))
    assert len([path for path in opened if str(path).endswith(".tar")]) == TARS
    assert len(headers) <= 4  # those of one example and the next
    first = train.tars.opened(train.tars.paths[0])
    handle = first.handle
    for path in train.tars.paths[1:]:
        train.tars.opened(path)
    assert os.fstat(handle)  # still in use, though others were opened since
    del first
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_threads_that_decode_leave_cores_to_those_that_train(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: 6)
    for gpu, threads in ((False, 3), (True, 6)):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda gpu=gpu: gpu)
        pool = source(vectors(tmp_path / f"{gpu}")).load().train.pool
        assert pool._max_workers == threads
