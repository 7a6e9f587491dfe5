"""What a folder of pictures holds: parts, classes, what is read and what is left out."""

__all__ = ["Folder", "Part", "list_folder"]

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import is_zipfile

from vae.data.formats.foreign import foreign_file
from vae.data.formats.opening import SUFFIXES

PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# What systems and programs leave behind, besides names that begin with a dot.
LITTER = frozenset(
    "thumbs.db desktop.ini __macosx @eadir #recycle @recycle $recycle.bin lost+found".split()  # noqa: SIM905
)
SHOWN = 8  # kinds of files that a summary names


@dataclass(frozen=True)
class Part:
    """Picture files in a fixed order, and the class of each; ``None`` without classes."""

    files: tuple[Path, ...]
    labels: tuple[int, ...] | None


@dataclass(frozen=True)
class Folder:
    """The pictures of a folder.

    Attributes:
        parts: By name: ``train``, and ``val`` and ``test`` if there are folders of these names.
        class_names: In the order of the labels, which is that of the alphabet; empty if none.
        left_out: How many of each kind are not read.
    """

    parts: dict[str, Part]
    class_names: tuple[str, ...]
    left_out: Counter[str]

    @property
    def files(self) -> tuple[Path, ...]:
        """All pictures, part after part."""
        return tuple(file for part in self.parts.values() for file in part.files)

    @property
    def facts(self) -> dict[str, str]:
        """What a summary says of them."""
        found = {"files": counted(Counter(file.suffix.lower() for file in self.files))}
        if self.left_out:
            found["left out"] = counted(self.left_out)
        if self.class_names:
            found["classes"] = self._classes()
        return found

    def _classes(self) -> str:
        seen = {label for part in self.parts.values() for label in part.labels or ()}
        marks = ["" if i in seen else " (no pictures)" for i in range(len(self.class_names))]
        names = [name + mark for name, mark in zip(self.class_names, marks, strict=True)]
        more = ["…"] if len(names) > SHOWN else []
        return f"{len(names)}: {', '.join(names[:SHOWN] + more)}"


@dataclass(frozen=True)
class Tree:
    """A folder, the pictures in it, and the folders in it."""

    path: Path
    pictures: list[Path] = field(default_factory=list)
    folders: "list[Tree]" = field(default_factory=list)

    def all(self) -> list[Path]:
        """Return the pictures at every depth, sorted."""
        return sorted(file for tree in self.walk() for file in tree.pictures)

    def walk(self) -> "Iterator[Tree]":
        """Yield this folder and those in it, at every depth."""
        yield self
        for tree in self.folders:
            yield from tree.walk()

    @property
    def filled(self) -> "list[Tree]":
        """The folders in it that hold pictures, at whatever depth."""
        return [tree for tree in self.folders if any(t.pictures for t in tree.walk())]

    def named_parts(self) -> "dict[str, list[Tree]]":
        """Return the folders in it that hold pictures and are called like parts, by part."""
        found: dict[str, list[Tree]] = {}
        for tree in self.filled:
            if tree.path.name.lower() in PARTS:
                found.setdefault(PARTS[tree.path.name.lower()], []).append(tree)
        return found


def list_folder(root: Path) -> Folder:
    """Return the pictures of a folder.

    Pictures directly in it have no classes; otherwise each folder in it is a class, with or without
    pictures. Folders ``train`` (``training``), ``val`` (``valid``, ``validation``) and ``test``
    (``testing``) are parts, with classes of their own and one numbering over all. A folder that is
    a link is followed once, unless what it leads to lies within ``root`` and is read there.

    Raises:
        FileNotFoundError: If ``root`` is not a folder, or no pictures are in it.
        ValueError: If it cannot be told what is a class and what a part.
    """
    if not root.is_dir():
        raise FileNotFoundError(no_folder(root))
    left_out: Counter[str] = Counter()
    tree = grown(root, root.resolve(), {root.resolve()}, left_out)
    if not tree.pictures and not tree.filled:
        kinds = f" It holds {counted(left_out)}." if left_out else ""
        other = next((p for p in sorted(root.rglob("*")) if p.is_file()), None)
        kinds += f" {foreign_file(other) or ''}" if other else ""
        raise FileNotFoundError(
            f"No pictures in {root}: they must end in one of {' '.join(sorted(SUFFIXES))}.{kinds}"
        )
    trees = part_trees(tree) or {"train": tree}
    check_depth(tree, trees)
    names = class_names(trees)
    parts = {part: part_of(t, names) for part, t in trees.items()}
    return Folder(parts, tuple(map(readable, names)), left_out)


def no_folder(root: Path) -> str:
    """Say what there is in place of a folder of pictures, and what to do."""
    if not root.is_file():
        return f"There is no folder {root}: set data.root to your pictures."
    if is_zipfile(root):
        unpack = f"python -m zipfile -e {shlex.quote(str(root))} pictures"
        return f"{root} is a zip archive: unpack it ({unpack}) and set data.root=pictures."
    if root.suffix.lower() in SUFFIXES:
        return (
            f"{root} is one file: put it into a folder and set data.root to that; data.pages=all "
            "takes each page of a stack as an example."
        )
    return foreign_file(root) or f"{root} is a file: set data.root to a folder of pictures."


def grown(folder: Path, root: Path, seen: set[Path], left_out: Counter[str]) -> Tree:
    """Read a folder and those in it, counting what is left out."""
    tree = Tree(folder)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        left_out["folders without permission"] += 1
        return tree
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in LITTER:
            left_out["hidden"] += 1
        elif entry.is_dir():
            if is_new(entry, root, seen):
                tree.folders.append(grown(folder / entry.name, root, seen, left_out))
            else:
                left_out["linked folders that are read elsewhere"] += 1
        elif not entry.is_file():
            left_out["broken links" if entry.is_symlink() else "special files"] += 1
        elif (suffix := Path(entry.name).suffix.lower()) in SUFFIXES:
            tree.pictures.append(folder / entry.name)
        else:
            left_out[suffix or "without suffix"] += 1
    return tree


def is_new(entry: "os.DirEntry[str]", root: Path, seen: set[Path]) -> bool:
    """Say whether a folder is to be read here, and remember it."""
    target = Path(entry.path).resolve()
    if target in seen or (entry.is_symlink() and target.is_relative_to(root)):
        return False
    seen.add(target)
    return True


def part_trees(tree: Tree) -> dict[str, Tree]:
    """Return the folders that are parts, in the order train, val, test; none if they are classes.

    A single one of such a name among others is a class (a picture may show a train), unless it
    holds folders of pictures.

    Raises:
        ValueError: If there are parts and something else, two of one part, or none to train on.
    """
    named, root = tree.named_parts(), tree.path
    others = [t.path.name for t in tree.filled if t.path.name.lower() not in PARTS]
    nested = any(t.filled for trees in named.values() for t in trees)
    if not named or (others and len(named) == 1 and not nested):
        return {}
    folders = ", ".join(t.path.name for trees in named.values() for t in trees)
    if others or tree.pictures:
        besides = others[0] if others else tree.pictures[0].name
        raise ValueError(
            f"{root} holds parts ({folders}) and besides them {besides}: leave only folders called "
            "train, val and test in it, or rename those that are classes."
        )
    if double := next((trees for trees in named.values() if len(trees) > 1), None):
        one, two = (t.path.name for t in double[:2])
        raise ValueError(f"{root} holds {one} and {two}, which are one part: join or rename them.")
    if "train" not in named:
        raise ValueError(
            f"{root} holds {folders} and no folder train: add one, or rename those that are "
            "classes."
        )
    return {part: named[part][0] for part in ("train", "val", "test") if part in named}


def check_depth(tree: Tree, trees: dict[str, Tree]) -> None:
    """Refuse parts below classes, and a folder that holds both pictures and folders of them.

    Raises:
        ValueError: Naming the folder.
    """
    for inner in tree.walk():
        if inner is not tree and len(inner.named_parts()) > 1:
            raise ValueError(
                f"{inner.path} holds folders called like parts: set data.root={inner.path}, or put "
                "train, val and test above the classes."
            )
    for part in trees.values():
        if part.pictures and part.filled:
            raise ValueError(
                f"{part.path} holds pictures ({part.pictures[0].name}) and folders with pictures "
                f"({part.filled[0].path.name}): use either a flat folder or one folder per class."
            )
    flat = [name for name, part in trees.items() if part.pictures]
    if flat and len(flat) < len(trees):
        sorted_ones = next(name for name in trees if name not in flat)
        raise ValueError(
            f"{tree.path}: {sorted_ones} has a folder per class and {flat[0]} has none: give all "
            "parts classes, or move one away."
        )


def class_names(trees: dict[str, Tree]) -> tuple[str, ...]:
    """Return the names of the class folders of all parts, in the order of the alphabet."""
    if any(tree.pictures for tree in trees.values()):
        return ()
    return tuple(sorted({t.path.name for tree in trees.values() for t in tree.folders}))


def readable(name: str) -> str:
    """Return a folder's name as one line of text, which files of a report can hold."""
    return " ".join(name.encode("utf-8", "replace").decode().split())


def part_of(tree: Tree, names: Sequence[str]) -> Part:
    """Return the pictures of a part, class after class."""
    if not names:
        return Part(tuple(tree.pictures), None)
    number = {name: i for i, name in enumerate(names)}
    groups = [(number[t.path.name], t.all()) for t in tree.folders]
    files = tuple(file for _, group in groups for file in group)
    return Part(files, tuple(i for i, group in groups for _ in group))


def counted(kinds: Counter[str]) -> str:
    """Return how many there are of each kind, the most frequent first."""
    most = [f"{count:,} {kind}" for kind, count in kinds.most_common(SHOWN)]
    rest = sum(kinds.values()) - sum(count for _, count in kinds.most_common(SHOWN))
    return ", ".join(most + ([f"{rest:,} others"] if rest else []))
