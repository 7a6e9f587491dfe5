"""The documents taken apart: blocks, commands, prose, headings, links, tables."""

__all__ = [
    "DOCUMENTS",
    "ROOT",
    "Block",
    "Command",
    "blocks",
    "commands",
    "named",
    "prose",
    "spans",
    "split",
    "tables",
]

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENTS = [*(ROOT / name for name in HOUSE), *sorted((ROOT / "docs").glob("*.md"))]
SHELL = ("", "sh", "bash")
PROGRAMS = (
    "python",
    "python3",
    "pip",
    "pytest",
    "tensorboard",
    "torchrun",
    "srun",
    "sbatch",
    "vae",
)
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)((?: {4}.*\n|\n(?= {4}))+)")
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A block of a document that is set as code."""

    document: Path
    line: int  # of the first in it
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command as it is printed, in words."""

    document: Path
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}: {shlex.join(self.words)}"


def named(items: list) -> dict:
    """Return what a parametrised test takes: items and their names."""
    return {"argvalues": items, "ids": [re.sub(r"[^\x20-\x7e]", "?", str(one)) for one in items]}


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document, then its indented ones.

    Of those that name no language only what begins with a command: others are formulas or trees.
    """
    text = document.read_text()
    found = [
        Block(document, text[: m.start(3)].count("\n") + 1, m[2], m[3].replace("\n" + m[1], "\n"))
        for m in FENCE.finditer(text)
    ]
    for m in INDENTED.finditer(FENCE.sub(blank, text)):
        lines = [line[4:] for line in m[1].splitlines()]
        place = text[: m.start()].count("\n") + 1
        found.append(Block(document, place, "", "\n".join(lines) + "\n"))
    return [block for block in found if block.language or program(block.text)]


def prose(document: Path) -> str:
    """Return a document without its blocks, of as many lines."""
    return INDENTED.sub(blank, FENCE.sub(blank, document.read_text()))


def blank(match: re.Match) -> str:
    """Take the place of a block."""
    return "\n" * match[0].count("\n")


def spans(document: Path) -> list[tuple[int, str]]:
    """Return what is set as code within the prose, with its line."""
    text = prose(document)
    return [
        (text[: m.start()].count("\n") + 1, " ".join(m[1].replace("\\|", "|").split()))
        for m in SPAN.finditer(text)
    ]


def program(line: str) -> bool:
    """Whether a line begins with a program that is looked at here."""
    return line.split(maxsplit=1)[:1] != [] and line.split(maxsplit=1)[0] in PROGRAMS


def commands(document: Path) -> Iterator[Command]:
    """Yield the commands of a document: those of its shell's blocks and those within its prose."""
    for block in blocks(document):
        if block.language in SHELL:
            for number, line in joined(block):
                yield from parts(document, number, line)
    for number, span in spans(document):
        if program(span) and " " in span:
            yield from parts(document, number, span)


def joined(block: Block) -> Iterator[tuple[int, str]]:
    """Yield the lines of a shell's block, those that go on in the next one put together."""
    line, begun = "", block.line
    for number, more in enumerate(block.text.splitlines(), block.line):
        more = re.sub(r"(^|\s)#.*", "", more)
        begun, line = (begun, f"{line} {more}") if line else (number, more)
        if line.endswith("\\"):
            line = line.removesuffix("\\")
        elif line.count("'") % 2 == 0:
            yield begun, line
            line = ""
    assert not line, f"{block.document.name}:{begun} does not end"


def split(line: str) -> list[str]:
    """Return the words of a command, of which one may be `<that run>`."""
    return shlex.split(re.sub(r"<[^<>]*>", lambda m: m[0].replace(" ", "-"), line))


def parts(document: Path, number: int, line: str) -> Iterator[Command]:
    """Yield the commands of a line, also those that others are handed."""
    words = split(line)
    while words:
        end = words.index("&&") if "&&" in words else len(words)
        yield Command(document, number, tuple(words[:end]))
        for word in words[:end]:
            if word.startswith(("python ", "srun ")):
                yield from parts(document, number, word)
        words = words[end + 1 :]


def tables(document: Path) -> list[list[list[str]]]:
    """Return the tables of a document: rows of cells, the head first, without the rule below."""
    found: list[list[list[str]]] = [[]]
    for line in prose(document).splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            found[-1].append([cell.strip() for cell in cells])
        elif found[-1]:
            found.append([])
    return [[row for i, row in enumerate(table) if i != 1] for table in found if table]
