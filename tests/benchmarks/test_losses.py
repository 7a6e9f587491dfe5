"""The comparison of two revisions sees what differs, and nothing where nothing does."""

import copy

import pytest

from benchmarks.losses.__main__ import difference
from benchmarks.losses.pictures import write_data
from benchmarks.losses.runs import HERE, runs
from benchmarks.losses.worker import trained
from vae.cli.compose import choices


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A function that trains some steps of a comparison."""
    for name in ("HYDRA_FULL_ERROR", "PYTORCH_NVML_BASED_CUDA_CHECK"):
        monkeypatch.setenv(name, "0")  # set again by the command, and restored after the test
    write_data(tmp_path)

    def run(*changes):
        arguments = [*runs(HERE)["accumulate=2 penalty=factor"], "trainer.max_steps=2", *changes]
        given = [argument.replace("{folder}", str(tmp_path)) for argument in arguments]
        found = trained([*given, f"hydra.run.dir='{tmp_path}/run{len(changes)}'"])
        assert "error" not in found, found
        return found

    return run


def test_one_other_bit_is_seen(run):
    found, other = run(), run("optimizer.weight_decay=0.011")
    assert len(found["batches"]) == 4
    assert {"loss kl", "loss factor", "weights"} <= found["batches"][0].keys()
    assert "val/elbo" in found["figures"]
    assert difference(found, copy.deepcopy(found)) is None
    assert difference(found, other).startswith("DIFFERS at batch 2 in weights: ")
    changed = copy.deepcopy(found)
    changed["figures"]["val/elbo"] = (1.5).hex()
    assert difference(found, changed).endswith("1.5 after")
    assert "NOT COMPARED" in difference(found, {"error": "no such setting"})


def test_every_experiment_is_compared():
    assert {f"experiment={name}" for name in choices("experiment")} <= runs(HERE).keys()
