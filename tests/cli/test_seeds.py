"""``seeds=3`` makes a sweep that ends with its comparison."""

import pytest

from tests.cli.command import TINY, array, call
from vae.cli import app
from vae.cli.seeds import COMPARED, one_for_each_seed
from vae.cli.sweeps import best_is_greatest

FEW = ["report=bound", "hydra.sweep.dir=made"]


def test_the_runs_of_each_variant_follow_each_other():
    given = ["train.py", "seeds=3", "objective.beta=1,4"]
    one_for_each_seed(given)
    assert given == ["train.py", "-m", "objective.beta=1,4", "seed=0,1,2", COMPARED]
    one_for_each_seed(given := ["train.py", "--multirun", "++seeds=2"])
    assert given == ["train.py", "--multirun", "seed=0,1", COMPARED]
    one_for_each_seed(given := ["train.py", "seed=2"])
    assert given == ["train.py", "seed=2"]


def test_a_sweep_over_seeds_ends_with_its_comparison(monkeypatch, capsys, tmp_path):
    words = [*TINY, array(tmp_path), *FEW, "seeds=2", "objective.beta=1,4"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *words)
    assert status == 0, message
    assert told.splitlines()[-1] == "report: made/comparison/report.html"
    assert (tmp_path / "made" / "comparison" / "report.html").is_file()
    assert "beta=4" in told
    overrides = (tmp_path / "made" / "1" / ".hydra" / "overrides.yaml").read_text()
    assert "seed=1" in overrides
    assert "- seeds" not in overrides
    status, _, message = call(
        monkeypatch, capsys, tmp_path, "resume=made/1", "trainer.max_epochs=2"
    )
    assert status == 0, message


def test_the_rest_is_compared_if_a_job_failed(monkeypatch, capsys, tmp_path):
    words = [*TINY, array(tmp_path), *FEW, "seeds=2", "monitor=val/elbo,val/x"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *words)
    assert status == 2
    assert (tmp_path / "made" / "comparison" / "report.html").is_file()
    assert "jobs that failed" in message
    words = [*TINY, array(tmp_path), "seeds=2", "monitor=val/x", "hydra.sweep.dir=none"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *words)
    assert status == 2
    assert "no comparison: 0 of the runs left a checkpoint" in message


def test_without_a_test_the_command_that_compares_is_printed(monkeypatch, capsys, tmp_path):
    words = [*TINY, array(tmp_path), *FEW, "seeds=2", "test=false"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *words)
    assert status == 0, message
    assert told.endswith(": python eval.py checkpoint=made\n")


@pytest.mark.parametrize(
    "value", ["1", "0", "-3", "abc", "2.5", "true", "[1,2]", "2,3", "1001", ""]
)
def test_a_wrong_number_is_refused(monkeypatch, capsys, tmp_path, value):
    status, _, told = call(monkeypatch, capsys, tmp_path, f"seeds={value}")
    assert (status, told.count("\n")) == (2, 1)
    assert "seeds must be a whole number from 2 to 1,000" in told


@pytest.mark.parametrize("other", ["seed=1", "resume=run", "hydra/sweeper=optuna"])
def test_what_contradicts_it_is_named(monkeypatch, capsys, tmp_path, other):
    status, _, told = call(monkeypatch, capsys, tmp_path, "seeds=2", other)
    assert (status, told.count("\n")) == (2, 1)
    assert f"leave {other} out" in told


def test_the_folder_of_one_run_is_none_of_several(monkeypatch, capsys, tmp_path):
    status, _, told = call(monkeypatch, capsys, tmp_path, "seeds=3", "hydra.run.dir=out/a")
    assert (status, told.count("\n")) == (2, 1)
    assert "makes 3 runs, each in a folder of its own: name the one above them, " in told
    assert told.endswith("hydra.sweep.dir=out/a\n")


def test_an_evaluation_and_a_config_do_not_take_it(monkeypatch, capsys, tmp_path):
    status, _, told = call(monkeypatch, capsys, tmp_path, "seeds=2", command=app.evaluate)
    assert (status, told.startswith("error: seeds is not a setting")) == (2, True)
    (tmp_path / "mine" / "sweep").mkdir(parents=True)
    (tmp_path / "mine" / "sweep" / "s.yaml").write_text("# @package _global_\nseeds: 3\n")
    words = ["--config-dir", "mine", "sweep=s"]
    status, _, told = call(monkeypatch, capsys, tmp_path, *words)
    assert (status, told.count("\n")) == (2, 1)
    assert "the command line alone" in told


def test_a_search_looks_for_the_greatest_figure():
    best_is_greatest(given := ["train.py", "hydra/sweeper=optuna"])
    assert given[2:] == ["hydra.sweeper.direction=maximize"]
    for kept in (["hydra.sweeper.direction=minimize"], []):
        sweeper = "hydra/sweeper=optuna" if kept else "hydra/sweeper=basic"
        best_is_greatest(given := ["train.py", sweeper, *kept])
        assert given == ["train.py", sweeper, *kept]
