"""Optuna's sweeper and joblib's launcher, where they are installed."""

import json

import pytest
from omegaconf import OmegaConf

from tests.cli.command import TINY, array, start
from vae.cli.typed_words import command_line

pytestmark = pytest.mark.slow
OPTUNA = ["-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1"]
BETA = "objective.beta=interval(0.5,2.0)"
PLACE = ["test=false", "hydra.sweep.dir=made"]


def test_a_search_ends_with_the_best_and_not_the_worst(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    done = start("train.py", *TINY, array(tmp_path), *OPTUNA, BETA, *PLACE, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = OmegaConf.load(tmp_path / "made" / "optimization_results.yaml")
    told = [float(line.split()[-1]) for line in done.stdout.splitlines() if "best.ckpt by" in line]
    assert len(told) == 3
    assert found.best_value == pytest.approx(max(told), abs=1e-3)
    assert "the jobs are compared by val/elbo" in done.stdout
    assert f"best of the sweep: objective.beta={found.best_params['objective.beta']}" in done.stdout


def test_a_search_for_the_worst_is_refused(tmp_path):
    """Also where a config asks for it, whose direction would be Optuna's own."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    text = "# @package _global_\ndefaults: [override /hydra/sweeper: optuna]\n"
    (tmp_path / "mine" / "sweep").mkdir(parents=True)
    (tmp_path / "mine" / "sweep" / "s.yaml").write_text(text)
    for words in (
        [*OPTUNA, BETA, "hydra.sweeper.direction=minimize"],
        ["-m", "--config-dir", "mine", "sweep=s", BETA],
    ):
        done = start("train.py", *TINY, array(tmp_path), *words, *PLACE, folder=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "minimize would look for the worst run" in done.stderr
        assert not list(tmp_path.rglob("best.ckpt"))


def test_a_search_goes_on_after_a_failed_job(tmp_path):
    """At NaN, the figure that a failed run had once, the sweeper would end: it tells it twice."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = [*OPTUNA, "hydra.sweeper.sampler.seed=1", "seed=choice(0,-1)"]
    done = start("train.py", *TINY, array(tmp_path), *words, *PLACE, folder=tmp_path)
    assert done.returncode == 2
    assert "seed must be at least 0; got -1" in done.stderr
    assert "jobs that failed" in done.stderr
    assert 0 < len(list(tmp_path.rglob("best.ckpt"))) < 3
    assert OmegaConf.load(tmp_path / "made" / "optimization_results.yaml").best_params.seed != -1


def test_joblib_trains_side_by_side_and_knows_where_configs_and_program_are(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "own.yaml").write_text("defaults: [array, _self_]\n")
    words = ["-m", "seed=0,1,-1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "data=own"]
    vae = ["-m", "vae", "train", "--config-dir", "mine", *TINY, array(tmp_path)]
    done = start("", *vae, *words, *PLACE, folder=tmp_path)
    assert done.returncode == 2
    assert "error: job 2: seed must be at least 0; got -1" in done.stderr
    assert done.stdout.count(f"python -m vae train --config-dir {tmp_path / 'mine'} resume=") == 2
    for job in ("0", "1"):
        told = json.loads((tmp_path / "made" / job / "environment.json").read_text())
        assert told["configs"] == [str(tmp_path / "mine")]
    assert command_line("train") == ["python", "train.py"]
