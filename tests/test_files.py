"""Files are written whole or not at all, and every changed byte is found."""

import errno
import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.runs import same
from vae.files import check_folder, check_whole, locked, remove_leftovers, replace_durably

ROOT = Path(__file__).parents[1]
NOBODY = 65534
SPAWN = multiprocessing.get_context("spawn")


def content(value):
    return {"weights": torch.full((40, 7), float(value)), "step": value, "names": ["a", "b"]}


def save(path, value, **options):
    replace_durably({path: lambda file: torch.save(content(value), file)}, **options)


def test_a_file_is_replaced_and_the_one_before_kept(tmp_path):
    path, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    for value in range(3):
        save(path, value, previous=previous)
        assert torch.load(path, weights_only=True)["step"] == value
    assert torch.load(previous, weights_only=True)["step"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "last.ckpt"
    save(path, 1)

    def fail(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_durably({path: fail}, previous=tmp_path / "previous.ckpt")
    assert torch.load(path, weights_only=True)["step"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_every_flipped_bit_is_found_or_harmless(tmp_path):
    path, whole = tmp_path / "whole.ckpt", content(1)
    save(path, 1)
    check_whole(path)
    data, flipped = path.read_bytes(), tmp_path / "flipped.ckpt"
    found = loaded = 0
    for i in range(len(data)):
        flipped.write_bytes(data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        try:
            check_whole(flipped)
            state = torch.load(flipped, weights_only=True)
        except (ValueError, RuntimeError):
            found += 1
        else:
            assert same(state, whole), i
            loaded += 1
    tensor = 40 * 7 * 4
    assert found > tensor
    assert loaded > 0  # padding and dates of the archive


def test_torch_alone_loads_a_flipped_bit_without_a_word(tmp_path):
    """The control: why the checksums are compared here."""
    path = tmp_path / "last.ckpt"
    save(path, 1)
    data = bytearray(path.read_bytes())
    at = data.index(torch.ones(16).numpy().tobytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert not same(torch.load(path, weights_only=True), content(1))
    with pytest.raises(ValueError, match=r"last.ckpt is damaged: the checksum of .*data/0"):
        check_whole(path)


@pytest.mark.parametrize("keep", [0, 1, 100, -300, -1])
def test_a_truncated_file_is_found(tmp_path, keep):
    path = tmp_path / "last.ckpt"
    save(path, 1)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="is damaged, or no checkpoint"):
        check_whole(path)


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    for name in ("last.ckpt", "last.ckpt.123.part", "notes.txt"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.ckpt", "notes.txt"]


def test_a_folder_is_tried_before_it_is_needed(tmp_path):
    folder = tmp_path / "a" / "b"
    check_folder(folder, 1000)
    assert list(folder.iterdir()) == []
    with pytest.raises(OSError, match=r"need 1,000,000,000,000 MB and .* MB free. Make room"):
        check_folder(folder, 10**18)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write to .*: Not a directory. Choose another"):
        check_folder(tmp_path / "file" / "run", 0)


def refused_to_nobody(folder, answers):
    os.setuid(NOBODY)
    try:
        check_folder(folder, 0)
    except OSError as error:
        answers.put(str(error))
    else:
        answers.put("written")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_a_user_who_may_not_write_is_told_so(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    answers = SPAWN.Queue()
    process = SPAWN.Process(target=refused_to_nobody, args=(tmp_path, answers))
    process.start()
    answer = answers.get(timeout=300)
    process.join()
    assert answer == (
        f"cannot write to {tmp_path}: Permission denied. Choose another folder: hydra.run.dir=..."
    )


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    call = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(call, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here; the file-size limit below stands for it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def big(path):
    replace_durably({path: lambda file: torch.save(torch.zeros(400_000), file)})


def test_a_full_disk_leaves_the_old_file(small_disk):
    path = small_disk / "last.ckpt"
    save(path, 1)
    with pytest.raises((OSError, RuntimeError)):
        big(path)
    check_whole(path)
    assert torch.load(path, weights_only=True)["step"] == 1
    assert list(small_disk.iterdir()) == [path]


def write_beyond_the_limit(path, answers):
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    try:
        big(path)
    except (OSError, RuntimeError) as error:
        answers.put(f"{type(error).__name__}")
    else:
        answers.put("written")


def test_a_file_size_limit_leaves_the_old_file(tmp_path):
    path, answers = tmp_path / "last.ckpt", SPAWN.Queue()
    save(path, 1)
    process = SPAWN.Process(target=write_beyond_the_limit, args=(path, answers))
    process.start()
    assert answers.get(timeout=300) in ("OSError", "RuntimeError")
    process.join()
    check_whole(path)
    assert torch.load(path, weights_only=True)["step"] == 1
    assert list(tmp_path.iterdir()) == [path]


HOLD = """
import sys
from pathlib import Path
from vae.files import locked
folder = Path(sys.argv[1])
with locked(folder / "lock", folder):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_belongs_to_one_process_until_it_ends_however(tmp_path):
    call = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(call, cwd=ROOT, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "held\n"
        held = rf"process {other.pid} on .* is writing to .* choose another folder: hydra.run.dir"
        with pytest.raises(ValueError, match=held), locked(tmp_path / "lock", tmp_path):
            pass
        other.kill()
        other.wait()
        with locked(tmp_path / "lock", tmp_path):
            pass
