"""The words by which the user starts a command.

What is printed to be pasted, and what a further process of a run repeats, begins with them.
"""

__all__ = ["COMPLETION", "PROGRAM", "command_line", "words_before"]

import os

from vae.cli.search_path import OwnConfigs

PROGRAM = "VAE_PROGRAM"  # how the program was started, for its jobs in other processes too
COMPLETION = ("-sc", "--shell-completion")  # of Hydra


def command_line(command: str) -> list[str]:
    """Return the words with which a command is started as this process was.

    Example:
        >>> command_line("train")
        ['python', 'train.py']
    """
    program = os.environ.get(PROGRAM)
    first = program.split() if program else ["python", f"{command}.py"]
    return [*first, *words_before(command)]


def words_before(command: str) -> list[str]:
    """Return the words that a command has between the program and its settings."""
    named = [] if OwnConfigs.named is None else ["--config-dir", str(OwnConfigs.named)]
    return [*([command] if PROGRAM in os.environ else []), *named]
