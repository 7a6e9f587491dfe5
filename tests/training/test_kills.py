"""kill -9 at random moments: nothing is lost but what came after the last save."""

import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
import torch

from tests.training.killed import sleep_until, train, train_quickly_saving
from tests.training.runs import same
from vae.files import check_whole
from vae.training.storage import newest

KILLS = 25
SERVER = multiprocessing.get_context("forkserver")  # a process takes a tenth of a second, not five


@pytest.fixture
def elsewhere(monkeypatch):
    """A folder for temporary files on another file system than the run's."""
    other = Path("/dev/shm")
    if not other.is_dir():
        pytest.skip("there is no second file system")
    monkeypatch.setenv("TMPDIR", str(other))
    return other


@pytest.mark.slow
def test_a_run_killed_at_random_ends_as_if_it_had_not_been(tmp_path, elsewhere):
    assert os.stat(tmp_path).st_dev != os.stat(elsewhere).st_dev
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    train(tmp_path / "whole", minutes=None)
    (tmp_path / "killed" / "vectors.npy").write_bytes(
        (tmp_path / "whole" / "vectors.npy").read_bytes()
    )
    SERVER.set_forkserver_preload(["tests.training.killed"])
    folder, chance = tmp_path / "killed", random.Random(0)
    kills = 0
    while True:
        (folder / "started").unlink(missing_ok=True)
        process = SERVER.Process(target=train_quickly_saving, args=(str(folder),))
        process.start()
        sleep_until(folder / "started")
        if kills < KILLS:
            time.sleep(chance.uniform(0.0, 0.4))
            process.kill()
        process.join(timeout=120)
        if process.exitcode == 0:
            break
        assert kills < KILLS
        kills += 1
        for path in newest(folder):
            check_whole(path)  # not one of them was ever half-written
    assert kills == KILLS
    ends = [
        torch.load(tmp_path / run / "end.ckpt", weights_only=True) for run in ("whole", "killed")
    ]
    for name in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
        assert same(ends[0][name], ends[1][name]), name
    assert not list(folder.glob("*.part"))
