"""Evaluations of one checkpoint and of several, in this process."""

import json
import shutil
from statistics import mean, stdev

import pytest

from tests.cli.command import TINY, array, call, prepare
from vae.cli import app
from vae.evaluation.section import quantity


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs that differ in their seed."""
    folder = tmp_path_factory.mktemp("trained")
    for seed in (0, 1):
        place = f"hydra.run.dir='{folder / 'runs' / str(seed)}'"
        arguments = [*TINY, array(folder), place, f"seed={seed}", "data.split_seed=0"]
        prepare(folder, *arguments, "test=false")
    return folder / "runs"


@pytest.fixture
def runs(trained, tmp_path):
    """The two runs, for one test."""
    return shutil.copytree(trained, tmp_path / "runs")


@pytest.fixture
def evaluate(monkeypatch, capsys, tmp_path):
    """Evaluate with some arguments; return status, output and errors."""
    return lambda *given: call(monkeypatch, capsys, tmp_path, *given, command=app.evaluate)


def held(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_a_folder_of_runs_becomes_a_comparison(runs, evaluate):
    status, out, _ = evaluate(f"checkpoint={runs}", "report=bound", "test_samples=2")
    assert status == 0
    assert "comparison/report.html" in out
    comparison = held(runs / "comparison")
    single = [held(runs / str(seed) / "eval")["bound"]["figures"]["elbo"] for seed in (0, 1)]
    assert comparison["comparison"]["series"]["all"]["bound/elbo"] == single
    rows = comparison["comparison"]["tables"]["mean ± deviation over runs"]
    assert rows[0]["all"] == quantity(mean(single), stdev(single))
    assert (runs / "comparison" / "report.html").stat().st_size > 0


def test_checkpoints_may_be_a_list_or_a_pattern(runs, evaluate, tmp_path):
    for number, given in enumerate((f"[{runs}/0,{runs}/1]", f"'{runs}/*/checkpoints/best.ckpt'")):
        output = tmp_path / f"output{number}"
        assert evaluate(f"checkpoint={given}", "report=bound", f"output={output}")[0] == 0
        assert set(held(output)["comparison"]["series"]) == {"all"}
        assert held(output / "0")["protocol"]["checkpoint"] == str(
            runs / "0" / "checkpoints" / "best.ckpt"
        )
    assert not (runs / "comparison").exists()


def test_a_report_is_put_together_on_the_command_line(runs, evaluate):
    given = [f"checkpoint={runs}/0", "report=[bound,gallery]", "~report.gallery"]
    status, out, _ = evaluate(*given, "report.bound.num_samples=3")
    assert status == 0
    report = held(runs / "0" / "eval")
    assert report["bound"]["protocol"]["num_samples"] == 3
    assert "gallery" not in report
    assert "ELBO" in out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["report=[bund]"], "report=bund does not exist; did you mean report=bound?"),
        (["report.bound.num_sample=3"], "did you mean report.bound.num_samples=3?"),
        (["report.bound.num_samples=0"], "num_samples must be at least 1"),
        (["report.gallery.columns=[2]"], "report.gallery.columns must be a whole number"),
        (["+report.bound._target_=os.system"], "is a setting already"),
        (["report.bound._target_=os.system"], "not a part that a config may name under report"),
        (["+report.mine._target_=vae.evaluation.LatentStatistics"], "must be an evaluation"),
        (["+report.mine=3"], "report.mine must be a part"),
    ],
)
def test_a_wrong_report_ends_in_one_sentence(runs, evaluate, given, words):
    status, _, told = evaluate(f"checkpoint={runs}/0", *given)
    assert status == 2
    assert words in told


def test_a_run_may_end_with_any_report(monkeypatch, capsys, tmp_path):
    arguments = [*TINY, array(tmp_path), "report=[bound]", "report.bound.num_samples=4"]
    status, out, told = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, told
    assert "run/report.html" in out
    assert held(tmp_path / "run")["bound"]["protocol"]["num_samples"] == 4
