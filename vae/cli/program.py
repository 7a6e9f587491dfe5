"""The installed program ``vae``: ``vae train …`` is what ``python train.py …`` is in a checkout."""

__all__ = ["main"]

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vae import __version__
from vae.cli.typed_words import COMPLETION, PROGRAM

COMMANDS = {
    "train": "train a model, evaluate it and say where everything is",
    "eval": "evaluate a checkpoint, or compare several",
    "init": "make a folder for configs and parts of your own",
}


def main() -> None:
    """Run ``vae`` with the arguments of this process."""
    first, *rest = sys.argv[1:] or ["--help"]
    if first in COMPLETION:
        first, rest = completed([first, *rest])
    with started():
        if first in ("-h", "--help"):
            print(usage())
        elif first == "--version":
            print(f"vae {__version__}")
        elif first not in COMMANDS:
            sys.exit(wrong(first))
        else:
            run(first, rest)


def run(command: str, arguments: list[str]) -> None:
    """Run a command."""
    from vae.cli.app import evaluate, train  # which load what no other answer needs
    from vae.cli.own_project import make_project

    sys.argv[1:] = arguments
    {"train": train, "eval": evaluate, "init": make_project}[command]()


@contextmanager
def started() -> Iterator[None]:
    """Note how the program was started, until it ends."""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    before = os.environ.get(PROGRAM)
    os.environ[PROGRAM] = "python -m vae" if as_module else "vae"
    try:
        yield
    finally:
        del os.environ[PROGRAM]
        if before is not None:
            os.environ[PROGRAM] = before


def usage() -> str:
    """Return what ``vae --help`` says."""
    lines = [f"  vae {name:<6} {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "usage: vae train [group=choice] [group.setting=value] …",
            "",
            *lines,
            "",
            "vae train --help lists the choices of each group, vae train --cfg job every setting.",
            "vae --version says which version this is.",
        ]
    )


def wrong(word: str) -> int:
    """Say that a word is no command, and return the exit status."""
    known = ", ".join(f"vae {name}" for name in COMMANDS)
    setting = "=" in word and "; settings follow the command: vae train " + word[:200]
    print(
        f"error: there is no command {word[:200]!r}, only {known}{setting or ''}", file=sys.stderr
    )
    return 2


def completed(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the command whose arguments a shell asks to complete, and what it is asked.

    The line that the shell hands on loses the command, since Hydra expects settings there.
    """
    line = os.environ.get("COMP_LINE", "")
    program, _, typed = line.lstrip().partition(" ")
    command, space, settings = typed.lstrip().partition(" ")
    if arguments[-1:] and arguments[-1].startswith("query=") and not space:
        print(" ".join(name for name in COMMANDS if name.startswith(command)))
        sys.exit(0)
    if command not in ("train", "eval"):
        command = "train"
    os.environ["COMP_LINE"] = f"{program} {settings}"
    return command, arguments
