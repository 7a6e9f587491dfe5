"""``vae init NAME``: a folder with configs and a module of the user's own, one example of each."""

__all__ = ["make_project"]

import shlex
import sys
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from vae.cli.app import one_message
from vae.cli.typed_words import command_line

TEMPLATE = Path(__file__).parents[1] / "template"
NAME = "my_project"  # in the template
KEPT = (".md", ".py", ".yaml")


def make_project() -> None:
    """Make the folder that the arguments of this process name, and say what to do with it."""
    with one_message():
        name = named(sys.argv[1:])
        folder = Path(name)
        fill(folder, name)
        train = shlex.join([*command_line("train"), "experiment=mine"])
        print(f"made {folder.absolute()}: its README.md says what is there\n")
        print(f"cd {name}\n{train}")


def named(arguments: list[str]) -> str:
    """Return the name of the project.

    Raises:
        ValueError: If there is none, or Python could not import a module of this name.
    """
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise ValueError("give the name of the folder to make: vae init my_project")
    (name,) = arguments
    if not name.isidentifier() or not name.isascii() or iskeyword(name):
        raise ValueError(
            f"{name[:80]!r} is no name for a module of Python: use letters, digits and _, and "
            "begin with a letter, as in my_project"
        )
    elsewhere = find_spec(name)
    origin = None if elsewhere is None else elsewhere.origin  # of a plain folder, None
    taken = origin is not None and not Path(origin).is_relative_to(Path.cwd())
    if name in sys.stdlib_module_names or name == "vae" or taken:
        raise ValueError(f"{name} is a module that there is: choose another name, as my_{name}")
    return name


def fill(folder: Path, name: str) -> None:
    """Copy the template to a folder that is empty or not there, under the project's name.

    Raises:
        ValueError: If the folder holds something, or is a file or a link.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ValueError(f"{folder} is there and is no folder: choose another name")
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(
            f"{folder} is not empty, and nothing in it is replaced: choose another name"
        )
    for path in sorted(TEMPLATE.rglob("*")):
        if path.suffix not in KEPT:
            continue
        place = folder / str(path.relative_to(TEMPLATE)).replace(NAME, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:  # nothing is replaced
            file.write(path.read_text(encoding="utf-8").replace(NAME, name))
