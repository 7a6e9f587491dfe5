"""What is kept of data between runs: checked when it is read, made anew where it is damaged."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.test_shards import source, vectors
from vae.data import Array, Images, Omniglot, sums
from vae.data.formats import cache
from vae.data.sums import BLOCK, block_sums, is_whole
from vae.files import remove_abandoned

ROOT = Path(__file__).parents[2]


def pictures(folder):
    """Write pictures of grain, which no damage leaves as they are."""
    if folder.is_dir():
        return folder
    folder.mkdir(parents=True)
    for i in range(3):
        noise = np.random.default_rng(i).integers(1, 256, (8, 12, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    return folder


def images(folder):
    return Images(str(pictures(folder / "data")), cache=str(folder / "cache"), image_size=None)


def omniglot(folder):
    for part in ("images_background", "images_evaluation"):
        pictures(folder / "data" / part / "alphabet" / "character")
    return Omniglot(str(folder / "data"), cache=str(folder / "cache"))


def shards(folder):
    return source(folder / "data" if (folder / "data").is_dir() else vectors(folder / "data", 2))


def read(made):
    train = made.load().train
    return train.take(torch.arange(len(train)))


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


DAMAGE = {
    "a flipped bit": lambda c: flipped(c, len(c) // 2),
    "the last byte flipped": lambda c: flipped(c, len(c) - 1),
    "zeros": lambda c: bytes(len(c)),
    "cut": lambda c: c[: len(c) // 2],
    "longer": lambda c: c + b"\0",
    "empty": lambda c: b"",
}
HARMLESS = ("a flipped bit", "the last byte flipped", "longer")  # perhaps, in an archive


@pytest.mark.parametrize("make", [images, omniglot, shards])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_anew_aloud(tmp_path, capsys, make, damage):
    """Whatever its size: a cache of pictures, the record beside it, and the index of shards."""
    whole = read(make(tmp_path))
    kept = sorted((tmp_path / "cache").iterdir())
    assert torch.equal(read(make(tmp_path)), whole)
    assert capsys.readouterr().err == ""
    for path in kept:
        content = path.read_bytes()
        path.write_bytes(DAMAGE[damage](content))
        assert torch.equal(read(make(tmp_path)), whole)
        told = capsys.readouterr().err
        found = path.stem in told and "anew" in told
        # An archive has bits that nobody reads, and its checksums cover the others.
        assert found or (path.suffix == ".npz" and damage in HARMLESS)
        assert torch.equal(read(make(tmp_path)), whole)
        assert capsys.readouterr().err == ""


def test_a_cache_without_checksums_is_made_anew(tmp_path, capsys):
    whole = read(images(tmp_path))
    (record,) = (tmp_path / "cache").glob("*.npz")
    with np.load(record) as found:
        older = {name: found[name] for name in ("origin", "notes")}
    np.savez(record, **older)
    assert torch.equal(read(images(tmp_path)), whole)
    assert "older version without checksums" in capsys.readouterr().err


@pytest.mark.parametrize("size", [1, 4096, BLOCK, 3 * BLOCK + 17])
def test_any_flipped_bit_and_any_moved_block_is_found(size):
    x = torch.randint(0, 256, (size,), dtype=torch.uint8, generator=torch.manual_seed(0))
    known = block_sums(x)
    assert is_whole(x, known)
    for i in torch.randint(size, (8,)).tolist():
        for bit in range(8):
            x[i] ^= 1 << bit
            assert not is_whole(x, known)
            x[i] ^= 1 << bit
    assert not is_whole(torch.zeros_like(x), known)
    assert not is_whole(x.roll(BLOCK), known) or size <= BLOCK


def test_of_more_than_a_second_takes_blocks_are_looked_at(monkeypatch):
    x = torch.arange(8 * BLOCK // 8).view(torch.uint8)
    known = block_sums(x)
    monkeypatch.setattr(sums, "MOST", 3 * BLOCK)
    assert is_whole(x, known)
    found = []
    for block in range(8):
        x[block * BLOCK] += 1
        found.append(not is_whole(x, known))
        x[block * BLOCK] -= 1
    assert found == [i % 3 == 0 for i in range(8)]


WRITER = """
import sys, time
from pathlib import Path
from vae.files import replace_durably

def write(file):
    file.write(bytes(100_000))
    file.flush()
    print("writing", flush=True)
    time.sleep(600)

replace_durably({Path(sys.argv[1]): write})
"""


def test_what_a_killed_run_was_writing_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "pictures-1.u8"
    command = [sys.executable, "-c", WRITER, str(path)]
    others = [tmp_path / name for name in ("pictures-2.u8", "mine.part", "shards-1.npz.7.part")]
    for other in others:
        other.write_bytes(b"content")
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        process.stdout.readline()
        remove_abandoned(tmp_path, "pictures-*")
        assert [p.name for p in tmp_path.glob("pictures-1*")] == [f"{path.name}.{process.pid}.part"]
        process.send_signal(signal.SIGKILL)
    remove_abandoned(tmp_path, "pictures-*")
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize(("make", "name"), [(images, "pictures-0.u8"), (shards, "shards-0.npz")])
def test_making_a_cache_removes_what_killed_runs_left(tmp_path, make, name):
    (tmp_path / "cache").mkdir()
    left = tmp_path / "cache" / f"{name}.1234.part"
    left.write_bytes(b"half")
    make(tmp_path).load()
    assert not left.exists()


CUT = """
import os, sys, torch
from pathlib import Path
from vae.data import Array, Images

path, pictures, cache = sys.argv[1:]
array = Array(path, mmap=True).load().train
images = Images(pictures, cache=cache, image_size=64).load().train
for examples, file in ((array, Path(path)), (images, next(Path(cache).glob("*.u8")))):
    os.truncate(file, 128)
    try:
        examples.take(torch.arange(len(examples) - 2, len(examples)))
    except OSError as error:
        print(error)
"""


def test_a_mapped_file_that_is_cut_meanwhile_is_an_error_and_no_sigbus(tmp_path):
    array = tmp_path / "array.npy"
    np.save(array, np.random.default_rng(0).normal(size=(2000, 30)).astype(np.float32))
    places = [str(array), str(pictures(tmp_path / "data")), str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-c", CUT, *places], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done
    lines = done.stdout.split("\n")[-3:-1]
    assert lines[0].startswith(f"{array} was cut from 240,128 to 128 bytes while it was being read")
    assert "pictures-" in lines[1]


def test_a_mapped_file_that_is_changed_meanwhile_is_refused_but_not_one_that_is_replaced(tmp_path):
    path, x = tmp_path / "array.npy", np.ones((40, 30), np.float32)
    np.save(path, x)
    examples = Array(str(path), mmap=True).load().train
    np.save(tmp_path / "other.npy", 2 * x)
    os.replace(tmp_path / "other.npy", path)
    assert examples.take(torch.arange(40)).unique().tolist() == [1]
    examples = Array(str(path), mmap=True).load().train.subset(torch.arange(3))
    time.sleep(0.01)  # the clock of files
    with path.open("r+b") as file:
        file.seek(500)
        file.write(b"\0")
    with pytest.raises(OSError, match=r"array\.npy was changed while it was being read"):
        examples.take(torch.arange(2))


def test_the_checksum_is_that_of_what_was_written(tmp_path):
    images(tmp_path).load()
    (path,) = (tmp_path / "cache").glob("*.u8")
    content = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    assert np.array_equal(cache.recalled(path).record["sums"], block_sums(content))
