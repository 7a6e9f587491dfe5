"""The installed program: its commands, what it prints, and the wheel in a fresh environment."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import ROOT, TINY, array, start
from vae import __version__
from vae.cli import program
from vae.cli.own_project import TEMPLATE
from vae.cli.search_path import CONF
from vae.cli.typed_words import command_line

TRAIN = [word for word in TINY if not word.startswith("data=")]


def said(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    """Run the program here; return exit status, standard output and standard error."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/vae", *words])
    status = 0
    try:
        program.main()
    except SystemExit as end:
        status = end.code or 0
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_program_says_what_it_can(monkeypatch, capsys):
    for words in ([], ["--help"], ["-h"]):
        status, told, _ = said(monkeypatch, capsys, *words)
        assert status == 0
        assert all(f"vae {command}" in told for command in program.COMMANDS)
    assert said(monkeypatch, capsys, "--version") == (0, f"vae {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tarin"], "there is no command 'tarin', only vae train, vae eval, vae init"),
        (["seed=0"], "settings follow the command: vae train seed=0"),
        (["train", "lr=1"], "did you mean optimizer.lr=1?"),
        (["train", "--foo"], "vae train --help lists settings"),
        (["eval"], "say what to evaluate: vae eval checkpoint="),
        (["init"], "give the name of the folder to make: vae init my_project"),
        (["train", "--config-dir"], "--config-dir needs a folder of configs"),
        (["train", "--config-dir", "none"], "there is no folder none"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_that_names_the_program(
    monkeypatch, capsys, tmp_path, words, message
):
    monkeypatch.chdir(tmp_path)
    status, _, told = said(monkeypatch, capsys, *words)
    assert (status, told.count("\n")) == (2, 1)
    assert message in told
    assert "python" not in told


def test_the_words_that_were_typed_end_with_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    said(monkeypatch, capsys, "eval")
    assert command_line("eval") == ["python", "eval.py"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/vae/__main__.py"])
    with program.started():
        assert command_line("train") == ["python", "-m", "vae", "train"]


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("vae ", ["train", "eval", "init"]),
        ("vae tr", ["train"]),
        ("vae train model=re", ["model=resnet"]),
        ("vae train objective.b", ["objective.beta="]),
        ("vae eval split", ["split="]),
    ],
)
def test_a_shell_completes_commands_choices_and_settings(monkeypatch, capsys, line, completions):
    monkeypatch.setenv("COMP_LINE", line)
    status, told, message = said(monkeypatch, capsys, "-sc", "query=bash")
    assert (status, told.split()) == (0, completions), message


def test_a_script_of_the_repository_is_completed_too(tmp_path):
    """The check of settings once took what the shell asks for one of them."""
    code = (
        "import sys; from vae.cli import train; sys.argv = ['train.py', '-sc', 'query=bash']; "
        "train(); assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "COMP_LINE": "python train.py model=re", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "model=resnet\n", done.stderr


def test_a_folder_for_a_project_is_made_once(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    status, told, message = said(monkeypatch, capsys, "init", "shapes")
    assert status == 0, message
    assert told.endswith("cd shapes\nvae train experiment=mine\n")
    made = {str(path.relative_to("shapes")) for path in Path("shapes").rglob("*.*")}
    kept = {str(p.relative_to(TEMPLATE)) for p in TEMPLATE.rglob("*.*") if "pyc" not in p.suffix}
    assert made == {path.replace("my_project", "shapes") for path in kept - {"__pycache__"}}
    assert not [path for path in made if "my_project" in (Path("shapes") / path).read_text()]
    before = (tmp_path / "shapes" / "shapes.py").read_bytes()
    status, _, message = said(monkeypatch, capsys, "init", "shapes")
    assert (status, "shapes is not empty" in message) == (2, True)
    assert (tmp_path / "shapes" / "shapes.py").read_bytes() == before


@pytest.mark.parametrize("name", ["a-b", "2nd", "class", "../up", "random", "vae", "a b", "größe"])
def test_a_name_that_is_no_module_of_ones_own_is_refused(monkeypatch, capsys, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    status, _, told = said(monkeypatch, capsys, "init", name)
    assert (status, told.count("\n")) == (2, 1)
    assert not list(tmp_path.parent.glob("up")) + list(tmp_path.iterdir())


def test_links_and_files_are_not_followed(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "target").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "target")
    (tmp_path / "taken").touch()
    for name in ("linked", "taken"):
        assert said(monkeypatch, capsys, "init", name)[0] == 2
    assert not list((tmp_path / "target").iterdir())


@pytest.mark.slow
def test_several_processes_are_started_with_the_command(tmp_path):
    two = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "test=false", "threads=1"]
    words = ["-m", "vae", "train", *TINY, array(tmp_path), *two]
    done = start("", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "go on     python -m vae train resume=" in done.stdout
    assert len(list(tmp_path.rglob("best.ckpt"))) == 1


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The program of the built wheel, in an environment that sees the packages of this one."""
    top = tmp_path_factory.mktemp("installed")
    ignored = shutil.ignore_patterns(
        "__pycache__", ".git", "outputs", "build", "*.egg-info", ".venv"
    )
    for name in ("vae", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, top / name, **({"ignore": ignored} if (ROOT / name).is_dir() else {}))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    quiet = ["--quiet", "--no-deps", "--no-index"]
    wheel = [*pip, "wheel", *quiet, "--no-build-isolation", "-w", str(top / "wheels"), str(top)]
    subprocess.run(wheel, check=True, env={**os.environ, "PYTHONPATH": ""})
    venv.create(top / "env")
    (place,) = (top / "env" / "lib").glob("python*/site-packages")
    (place / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    (file,) = (top / "wheels").glob("*.whl")
    python = top / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", *quiet, str(file)], check=True)
    return python.with_name("vae")


def run(vae: Path, folder: Path, *words: str) -> str:
    """Run the installed program in a folder, and return what it prints."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VAE_PROGRAM")}
    given = {"cwd": folder, "env": {**clean, "COLUMNS": "120"}, "timeout": 300}
    done = subprocess.run([str(vae), *words], capture_output=True, text=True, **given)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_is_a_program_in_an_empty_folder(installed, tmp_path):
    python = installed.with_name("python")
    where = subprocess.run(
        [str(python), "-c", "import vae; print(vae.__file__)"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin"},
    ).stdout
    home = Path(where.strip()).parent
    assert home.is_relative_to(installed.parents[1])
    for top, kind in ((CONF, "conf"), (TEMPLATE, "template")):
        files = {p.relative_to(top) for p in top.rglob("*.*") if "pyc" not in str(p)}
        assert {p for p in files if not (home / kind / p).is_file()} == set()
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32))
    told = run(installed, tmp_path, "train", "data=array", "data.path=x.npy", *TRAIN)
    (folder,) = (tmp_path / "outputs" / "x-mlp").iterdir()
    name = folder.relative_to(tmp_path)
    assert f"evaluate  vae eval checkpoint={name}/checkpoints/best.ckpt" in told
    assert f"go on     vae train resume={name} trainer.max_epochs=2" in told
    run(installed, tmp_path, "train", f"resume={name}", "trainer.max_epochs=2")
    assert "report: " in run(installed, tmp_path, "eval", f"checkpoint={name}", "test_samples=2")
    assert "made " in run(installed, tmp_path, "init", "mine")
    config = run(installed, tmp_path / "mine", "train", "data=mine", "--cfg", "job")
    assert "size: 4000" in config


@pytest.mark.slow
def test_the_project_that_is_made_trains(installed, tmp_path):
    """From the wheel; its module is imported since the experiment that was chosen names it."""
    run(installed, tmp_path, "init", "shapes")
    folder = tmp_path / "shapes"
    few = ["data.size=100", "data.batch_size=16", "trainer=cpu", "trainer.max_epochs=1"]
    few += ["report=bound", "test_samples=2"]
    told = run(installed, folder, "train", "experiment=mine", *few, "hydra.run.dir=run")
    assert "go on     vae train resume=run trainer.max_epochs=2 'plugins=[shapes]'" in told
    with pytest.raises(AssertionError, match="whose code is run only if you name them again"):
        run(installed, folder, "train", "resume=run", "trainer.max_epochs=2")
    again = ["plugins=[shapes]"]
    run(installed, folder, "train", "resume=run", "trainer.max_epochs=2", *again)
    run(installed, folder, "eval", "checkpoint=run", "test_samples=2", *again)
    seeds = ["seeds=2", "experiment=mine", *few, "hydra.sweep.dir=made"]
    assert "report: made/comparison/report.html" in run(installed, folder, "train", *seeds)
