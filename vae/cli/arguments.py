"""Arguments that are wrong by themselves, told before Hydra composes anything."""

__all__ = ["bare_word", "check_arguments", "without_dashes"]

from collections.abc import Sequence
from pathlib import Path

from vae.cli.known import is_known, known_settings
from vae.cli.overrides import hydra_quoted
from vae.cli.search_path import choices, groups
from vae.cli.suggestions import setting_meant

LONGEST = 200  # letters of what the user gave that are repeated
FORM = "is not of the form setting=value"
ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".tsv")
OF_SEQUENCES = (".jsonl", ".mat")
RUN = ("checkpoints", "config.json", "model.safetensors")  # what a folder of a run or export holds


def check_arguments(arguments: Sequence[str], command: str) -> None:
    """Refuse a word without a value, and a setting whose name is not known.

    Raises:
        ValueError: Saying what to type instead.
    """
    settings = [a for a in arguments if a[:1] != "-"]
    for argument in settings:
        if "=" not in argument and argument[0] != "~":
            raise ValueError(bare_word(argument, command))
        if command == "eval" and argument.lstrip("+~").partition("=")[0] == "data":
            raise ValueError(
                f"{argument[:LONGEST]}: an evaluation is of the run's own data, of which settings "
                "are replaced one by one: +data.root=elsewhere"
            )
        if is_known(argument, command):
            continue
        if command == "eval" and Path(argument).exists():  # its name holds the sign =
            raise ValueError(bare_word(argument, command))
        raise ValueError(not_known(argument, settings, command))


def not_known(argument: str, settings: Sequence[str], command: str) -> str:
    """Say that a setting is none, and what was meant."""
    name = argument.lstrip("+~").partition("=")[0][:LONGEST]
    known = known_settings(settings, argument, command)
    return f"{name} is not a setting{setting_meant(argument, known, command)}"


def bare_word(word: str, command: str) -> str:
    """Say what to type for a word without a value: a path or a choice, most likely."""
    told = f"{word[:LONGEST]!r} {FORM}"
    if len(word) > LONGEST or not word.isprintable():
        return told
    quoted = hydra_quoted(Path(word))
    if command == "eval":
        return f"{told}; did you mean checkpoint={quoted}?"
    meant = meant_path(Path(word).expanduser(), quoted) or meant_choice(word)
    if meant:
        return f"{told}; did you mean {' or '.join(meant)}?"
    if "/" in word:
        return f"{told}; a path is given by resume=, init=, data.root= or data.path="
    return told


def meant_path(path: Path, quoted: str) -> list[str]:
    """Return what may be meant by a path that exists."""
    if path.suffix.lower() in ARRAYS:
        return [f"data=array data.path={quoted}"]
    if path.suffix.lower() in TABLES:
        return [f"data=table data.path={quoted}"]
    if path.suffix.lower() in OF_SEQUENCES:
        return [f"data=sequences data.path={quoted}"]
    if path.suffix == ".ckpt" or any((path / name).exists() for name in RUN):
        return [f"resume={quoted}", f"init={quoted}"]
    if path.is_dir():
        kind = "shards" if any(path.glob("*.tar")) else "images"
        return [f"data={kind} data.root={quoted}"]
    return []


def meant_choice(word: str) -> list[str]:
    """Return the groups of which a word is a choice, as arguments to type."""
    return [f"{group}={word}" for group in groups() if word in choices(group)][:3]


def without_dashes(message: str, command: str) -> str:
    """Say of a flag that there is not how settings are written, if it may be meant as one."""
    flags = [word for word in message.split() if word[:2] == "--" and word[2:3].isalpha()]
    name, equals, value = flags[0][2:].partition("=") if flags else ("", "", "")
    if not equals:
        return message
    argument = f"{name.replace('-', '_')}={value}"
    if is_known(argument, command):
        return f"{message}; settings have no dashes: {argument}"
    known = known_settings([], argument, command)
    return f"{message}; settings have no dashes{setting_meant(argument, known, command)}"
