"""Every command and setting that the documents print is one that there is.

Commands of training and evaluation are composed; `test_running.py` runs them.
"""

import ast
import re
import tomllib

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, Command, commands, named, spans
from tests.docs.settings import composed, stand_in, unknown
from vae.cli.compose import CONF

UNSEEN = (
    ".",
    "cd",
    "ls",
    "git",
    "source",
    "export",
    "unzip",
    "eval",
)  # of a shell, not of this project
MODULES = ("venv", "pip", "pytest")
SAVED = ("digits.py", "sample.py")  # by a reader of the tutorial: blocks of test_python.py
COMMANDS = sorted({c.words: c for d in DOCUMENTS for c in commands(d)}.values(), key=str)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PACKAGES = {
    re.split(r"[<>=!~ ]", need)[0]
    for needs in (PROJECT["dependencies"], *EXTRAS.values())
    for need in needs
}


def check(words: list[str]) -> None:
    """Raise an error if a command is none, or names something that is not there."""
    match words:
        case ["python", "train.py" | "eval.py" as script, *rest]:
            composed(script.removesuffix(".py"), rest)
        case ["vae", "train" | "eval" as command, *rest]:
            composed(command, rest)
        case ["vae", "init", name]:
            assert name.isidentifier()
        case ["vae", "--help" | "--version" | "-sc", *_]:
            pass
        case ["python", "-m", "vae", *rest]:
            check(["vae", *rest])
        case ["python" | "python3", "-m", module, *rest] if module in MODULES:
            check([module, *rest]) if module != "venv" else None
        case ["python", "-m", module, *rest] if module.startswith("benchmarks."):
            check_flags(module.replace(".", "/"), rest)
        case ["python", path, *rest] if path.startswith("benchmarks/"):
            check_flags(path.removesuffix(".py"), rest)
        case ["python", path, *rest] if path.startswith("examples/"):
            check_flags(path.removesuffix(".py"), rest)
        case ["torchrun", *rest]:
            check_launched(rest)
        case ["srun", *rest]:
            check(rest)
        case ["sbatch", *_] | ["tensorboard", "--logdir", _]:
            pass
        case ["pre-commit", "install"] | ["ruff", "check" | "format", *_] | ["mypy"]:
            pass
        case ["pytest", *rest]:
            check_pytest(rest)
        case ["pip", "install", *rest]:
            check_packages(rest)
        case ["pip", "uninstall", "vae"] | ["python3", "--version"]:
            pass
        case ["python", "-c", code]:
            ast.parse(code)
        case ["python", script] if script in SAVED:
            pass
        case [first, *_]:
            assert first in UNSEEN, f"{first} is not looked at: say in tests/docs what it is"


def check_flags(module: str, rest: list[str]) -> None:
    """A benchmark is there and takes the flags that it is given."""
    path = ROOT / f"{module}.py"
    source = (path if path.exists() else ROOT / module / "__main__.py").read_text()
    wrong = [word for word in rest if word.startswith("--") and f'"{word}"' not in source]
    assert not wrong, f"{module} takes no {' '.join(wrong)}"


def check_launched(words: list[str]) -> None:
    """What torchrun is given is its own, and starts a command of ours."""
    from torch.distributed.run import get_args_parser

    options = get_args_parser().parse_args(words)
    check(["python", options.training_script, *options.training_script_args])


def check_pytest(words: list[str]) -> None:
    """Paths are there, and markers are those of pyproject.toml."""
    markers = {"slow", "peers", "not", "or", ""}
    assert "-m" not in words or {*words[words.index("-m") + 1].split()} <= markers
    paths = [w.split("::")[0] for w in words if w.startswith(("tests", "vae"))]
    assert all((ROOT / path).exists() for path in paths), f"{paths} are not all there"


def check_packages(words: list[str]) -> None:
    """What is installed is this folder, or a package that it depends on."""
    for word in words:
        if word.startswith(("-", "https://")) or word == "pip":
            continue
        if word.startswith("."):
            extras = word.removeprefix(".").strip("[]")
            assert set(extras.split(",")) - {""} <= set(EXTRAS), f"{word}: there are {[*EXTRAS]}"
        else:
            assert word in PACKAGES, f"{word} is no package that this project names"


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_every_command_is_one_that_there_is(command: Command):
    check(stand_in(command.words))


def test_all_kinds_of_command_are_found():
    """So that a page that is written otherwise is not passed over in silence."""
    first = {" ".join(c.words[:2]) for c in COMMANDS}
    assert {"python train.py", "python eval.py", "pip install", "pytest -m"} <= first
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_every_setting_in_the_prose_is_one_that_there_is(document):
    wrong = [(line, span, why) for line, span in spans(document) if (why := unknown(span))]
    assert not wrong


def test_messages_and_configs_name_packages_that_can_be_installed():
    """Ours is installed from its folder: the name `vae` belongs to another package."""
    for path in [*ROOT.glob("vae/**/*.py"), *CONF.rglob("*.yaml")]:
        for found in re.findall(r"pip install (?!\{)(\S+)", path.read_text()):
            check_packages([found.strip("\"'),:").rstrip(".")])
