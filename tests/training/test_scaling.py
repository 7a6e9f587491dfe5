"""Two gloo processes do what one would, with whole weights and with a part of them each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import vae
from tests.training.ranks import BATCH, STRATEGIES, VARIANTS, MeanKL, exact
from tests.training.runs import make_run, same

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def in_two_processes(folder: Path, task: str) -> dict[str, dict]:
    """Return what a task of `ranks` ends with."""
    make_run(folder)  # which makes the file of data
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = ["-m", "tests.training.ranks", task, str(folder), str(folder / "ends.pt")]
    done = subprocess.run(
        [sys.executable, *launch, *script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "ends.pt", weights_only=True)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return in_two_processes(tmp_path_factory.mktemp("compared"), "compared")


def distance(a: dict, b: dict) -> float:
    """Return the largest difference between two state dicts of the same names."""
    assert list(a) == list(b)
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a)


def test_two_processes_take_the_steps_of_one_with_twice_the_batch(tmp_path):
    """Every gradient is the mean over all examples of a step; a sum is noticed."""
    ends = in_two_processes(tmp_path, "equivalent")
    alone = exact(tmp_path, MeanKL(), batch=2 * BATCH)
    start = exact(tmp_path, MeanKL(), batch=2 * BATCH, max_steps=0)
    assert distance(start, alone) > 1e-4
    assert distance(ends["averaged"], alone) < 1e-12
    assert distance(ends["added up"], alone) > 1e-6


@pytest.mark.parametrize("name", VARIANTS)
def test_sharded_weights_are_those_of_whole_ones(compared, name):
    ddp, fsdp = (compared[name][strategy] for strategy in STRATEGIES)
    assert distance(ddp["state_dict"], fsdp["state_dict"]) < 1e-5
    assert list(ddp) == list(fsdp)
    moments = [end["optimizer_states"][0]["state"] for end in (ddp, fsdp)]
    assert list(moments[0]) == list(moments[1])
    for index in moments[0]:
        assert distance(moments[0][index], moments[1][index]) < 1e-4


def test_a_sharded_run_goes_on_where_it_or_another_was(tmp_path):
    ends = in_two_processes(tmp_path, "resumed")
    for name in ("state_dict", "optimizer_states", "global_step", "epoch"):
        assert same(ends["begun with fsdp"][name], ends["whole"][name]), name
    assert distance(ends["begun with ddp"]["state_dict"], ends["whole"]["state_dict"]) < 1e-5
    assert vae.load(tmp_path / "fsdp-3.ckpt").sample(2).shape == (2, 6)
