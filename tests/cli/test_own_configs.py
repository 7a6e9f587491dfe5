"""Folders of configs of the user's own: found by their sign or named, and what they may not do."""

import sys

import pytest
from hydra._internal.hydra import Hydra

from tests.cli.command import TINY, array, call
from vae.cli import app
from vae.cli.arguments import check_arguments
from vae.cli.compose import choices, compose_settings
from vae.cli.evaluations import further_data
from vae.cli.messages import explain
from vae.cli.one_composition import composing_once
from vae.cli.search_path import MARKER, take_config_dir
from vae.cli.suggestions import choice_meant

REST = [word for word in TINY if word != "data=array"]


def write(folder, **files: str):
    """Write configs, `group__choice=text`, and return their folder."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with configs that are found, and vectors."""
    monkeypatch.chdir(tmp_path)
    array(tmp_path)
    configs = write(
        tmp_path / "conf",
        data__spectra="defaults: [array, _self_]\npath: vectors.npy\n",
        experiment__wide="# @package _global_\nobjective: {beta: 3.0}\n",
        model__narrow="defaults: [mlp, _self_]\nlatent_dim: 3\n",
    )
    (configs / MARKER).touch()
    return tmp_path


def test_choices_are_added_by_a_marked_folder_alone(here):
    assert "spectra" in choices("data")
    assert compose_settings(["model=narrow", "data=spectra"])["model"]["latent_dim"] == 3
    (here / "conf" / MARKER).unlink()
    assert "spectra" not in choices("data")


def test_what_is_said_of_choices_knows_them(here):
    assert choice_meant("data", "Spectra") == ["data=spectra"]
    with pytest.raises(ValueError, match="did you mean experiment=wide?"):
        check_arguments(["wide"], "train")
    with pytest.raises(Exception, match="spectre") as error:
        compose_settings(["data=spectre"])
    assert explain(error.value, ["data=spectre"])[0].endswith("did you mean data=spectra?")


def test_they_are_data_of_an_evaluation(here):
    data = further_data("spectra", "report.anomaly.other", 0)
    data.setup("test")
    assert data.spec.shape == (6,)


def test_a_run_goes_on_where_its_configs_are_and_says_where_they_were(here, monkeypatch, capsys):
    words = ["data=spectra", "experiment=wide", *REST, "test=false"]
    status, _, told = call(monkeypatch, capsys, here, *words)
    assert status == 0, told
    further = ["resume=run", "trainer.max_epochs=2"]
    status, _, told = call(monkeypatch, capsys, here, *further)
    assert status == 0, told
    assert "beta: 3.0" in (here / "run" / ".hydra" / "config.yaml").read_text()
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    further = [f"resume='{here / 'run'}'", "trainer.max_epochs=3"]
    status, _, told = call(monkeypatch, capsys, elsewhere, *further)
    assert (status, told.count("\n")) == (2, 1)
    assert f"there is no such choice here; the run's own configs were in {here / 'conf'}" in told
    named = [*further, "--config-dir", str(here / "conf")]
    status, out, told = call(monkeypatch, capsys, elsewhere, *named)
    assert status == 0, told
    assert f"python train.py --config-dir {here / 'conf'} resume=" in out


def test_a_folder_that_is_named_needs_no_sign(tmp_path, monkeypatch, capsys):
    folder = write(tmp_path / "mine", sweep__two="# @package _global_\nobjective: {beta: 2.0}\n")
    for flag in (["--config-dir", str(folder)], [f"--config-dir={folder}"], ["-cd", "mine"]):
        words = ["sweep=two", *flag, "--cfg", "job", "--package", "objective"]
        status, told, message = call(monkeypatch, capsys, tmp_path, *words)
        assert status == 0, message
        assert "beta: 2.0" in told
    assert take_config_dir(["-c", "job"]) is None  # which is --cfg


@pytest.mark.parametrize("name", ["prior/vamp", "train"])
def test_a_choice_of_ours_is_not_replaced(here, monkeypatch, capsys, name):
    write(here / "conf", **{name.replace("/", "__"): "x: 1\n"})
    status, _, told = call(monkeypatch, capsys, here, "--cfg", "job")
    assert (status, told.count("\n")) == (2, 1)
    assert f"{name}.yaml has the name of ours, {name}, which it cannot replace" in told


HYDRAS = {
    "hydra__launcher__basic": "_target_: os.system\n",
    "experiment__evil": "# @package _global_\nhydra: {callbacks: {x: {_target_: os.system}}}\n",
    "model__evil": "# @package hydra.callbacks.x\n_target_: os.system\n",
}


@pytest.mark.parametrize("name", HYDRAS)
@pytest.mark.parametrize("sweep", [False, True])
def test_a_folder_that_is_found_sets_nothing_of_hydras_own(here, monkeypatch, capsys, name, sweep):
    write(here / "conf", **{name: HYDRAS[name]})
    group = name.partition("__")[0]
    words = [] if group == "hydra" else [f"{group}={'wide,' * sweep}evil", *["-m"] * sweep]
    if group == "model":
        words[0] = words[0].replace("wide", "mlp")
    status, _, told = call(monkeypatch, capsys, here, *words)
    assert (status, told.count("\n")) == (2, 1)
    assert "give that on the command line, or name the folder by --config-dir" in told


def test_parameters_of_a_sweep_may_stand_there(here, monkeypatch, capsys):
    text = "# @package _global_\nhydra: {sweeper: {params: {objective.beta: '1,2'}}}\n"
    write(here / "conf", sweep__mine=text)
    words = ["-m", "sweep=mine", "data=spectra", *REST, "test=false", "hydra.sweep.dir=made"]
    status, _, told = call(monkeypatch, capsys, here, *words)
    assert status == 0, told
    assert len(list(here.rglob("best.ckpt"))) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("+plugins: [evil]\n", "has the plugins evil, whose code is run only if you name them"),
        ("callbacks: {pictures: {folder: /tmp/x}}\n", "a place outside the run's folder"),
        ("name: ${oc.env:HOME}\n", "may read the environment"),
    ],
)
def test_a_record_chooses_nothing_there_that_it_may_not_say(
    here, monkeypatch, capsys, text, reason
):
    """Nor is a module imported because somebody stands beside it."""
    (here / "evil.py").write_text("import pathlib; pathlib.Path('ran').touch()\n")
    write(here / "conf", experiment__evil=f"# @package _global_\n{text.removeprefix('+')}")
    record = here / "run" / ".hydra" / "overrides.yaml"
    record.parent.mkdir(parents=True)
    (here / "run" / "checkpoints").mkdir()
    record.write_text("- experiment=evil\n")
    status, _, told = call(monkeypatch, capsys, here, "resume=run")
    assert (status, told.count("\n")) == (2, 1)
    assert reason in told
    assert not (here / "ran").exists()
    assert "evil" not in sys.modules


def test_an_evaluation_knows_reports_of_ones_own(here, monkeypatch, capsys):
    text = "# @package report.few\n_target_: vae.evaluation.Bound\nnum_samples: 2\n"
    write(here / "conf", report__few=text)
    words = ["data=spectra", *REST, "report=few"]
    status, out, told = call(monkeypatch, capsys, here, *words)
    assert status == 0, told
    words = ["checkpoint=run", "report=few"]
    status, out, told = call(monkeypatch, capsys, here, *words, command=app.evaluate)
    assert status == 0, told
    assert "ELBO" in out


def test_hydra_composes_to_learn_the_mode_only_where_something_may_set_it(monkeypatch):
    monkeypatch.setattr(Hydra, "get_mode", lambda self, name, overrides: "composed")
    for own, words, told in (
        (False, ["seed=1"], None),
        (False, ["seed=1", "hydra.mode=MULTIRUN"], "composed"),
        (True, ["seed=1"], "composed"),
    ):
        with composing_once(own=own):
            assert Hydra.get_mode(None, "train", words) == told
    assert Hydra.get_mode(None, "train", []) == "composed"
