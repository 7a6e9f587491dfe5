"""Files of MATLAB up to version 7.2, read so that a damaged one ends in a sentence.

`scipy.io.loadmat` reads beyond the end of such files, which can end the process.
"""

__all__ = ["MATLAB", "read_matlab"]

import struct
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.formats.damage import DAMAGE

MATLAB = b"MATLAB 5.0 MAT-file"
HEADER = 128  # bytes, of which the last two say the order of bytes
MATRIX, PACKED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"} | {
    13: "u8",
    16: "u1",  # text, in bytes, words or double words
    17: "u2",
    18: "u4",
}
CELL, TEXT, OPAQUE = 1, 4, 17
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"} | {
    14: "i8",
    15: "u8",
}
OTHERS = {2: "a struct", 3: "an object", 5: "a sparse matrix", 16: "a function"}
OTHERS |= {OPAQUE: "an object"}
COMPLEX, LOGICAL = 0x800, 0x200
Value = np.ndarray | list[np.ndarray]


class Element(NamedTuple):
    """A piece of a file: its type and its bytes."""

    kind: int
    data: memoryview


class StoredMatrix(NamedTuple):
    """A matrix as it begins: what is said of it before its values.

    Attributes:
        flags: Its class, and whether it is complex or of truth values.
        shape: Its dimensions.
        name: Empty in a cell.
        rest: Its values.
    """

    flags: int
    shape: tuple[int, ...]
    name: str
    rest: Iterator[Element]

    @property
    def kind(self) -> int:
        """The number of its class."""
        return self.flags & 0xFF


def read_matlab(path: Path) -> dict[str, Value]:
    """Return the numbers, truth values and texts of a file by name, and of cells what each holds.

    Numbers have the type that MATLAB says they have, and not the one that the file packs them in:
    doubles that are whole and small are packed as bytes.

    Raises:
        ValueError: If the file is damaged, or a cell holds something else than a matrix.

    References:
        MAT-File Format (The MathWorks, 2023).
    """
    try:
        content = memoryview(path.read_bytes())
        order = {b"IM": "<", b"MI": ">"}[bytes(content[HEADER - 2 : HEADER])]
        found: dict[str, Value] = {}
        for element in elements(content[HEADER:], order):
            if element.kind == PACKED:
                element = take(elements(memoryview(zlib.decompress(element.data)), order))
            variable = begun(element, order)
            if variable.kind not in OTHERS and variable.name:  # what objects hold has none
                found[variable.name] = value_of(variable, order)
    except (*DAMAGE, zlib.error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ValueError(f"{path} cannot be read ({reason}): save it again.") from error
    return found


def elements(data: memoryview, order: str) -> Iterator[Element]:
    """Yield the pieces that some bytes are made of."""
    place = 0
    while place < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if kind >> 16:  # up to four bytes stand beside their type
            kind, size = kind & 0xFFFF, kind >> 16
            start, end = place + 4, place + 8
        else:
            start = place + 8
            end = start + size + (0 if kind == PACKED else -size % 8)
        if start + size > len(data):
            raise ValueError("it is cut short")
        yield Element(kind, data[start : start + size])
        place = end


def take(parts: Iterator[Element]) -> Element:
    """Return the next piece."""
    part = next(parts, None)
    if part is None:
        raise ValueError("it is cut short")
    return part


def begun(element: Element, order: str) -> StoredMatrix:
    """Return what a matrix says of itself before its values."""
    if element.kind != MATRIX:
        raise ValueError(f"an element of type {element.kind} is where a matrix must be")
    if not element.data:  # an empty cell
        return StoredMatrix(6, (0, 0), "", iter([Element(9, element.data)]))
    parts = elements(element.data, order)
    flags = take(parts)
    (word,) = struct.unpack_from(f"{order}I", flags.data)
    if word & 0xFF == OPAQUE:  # a table or a string array, of which no shape is stored
        return StoredMatrix(word, (0, 0), "", parts)
    shape, name = take(parts), take(parts)
    sizes = tuple(int(n) for n in np.frombuffer(shape.data, f"{order}i4"))
    if len(sizes) < 2 or min(sizes) < 0:
        raise ValueError(f"a matrix of shape {sizes}")
    told = bytes(name.data).decode("ascii")
    if told and not told.isidentifier():
        raise ValueError("a matrix has no name")
    return StoredMatrix(word, sizes, told, parts)


def value_of(variable: StoredMatrix, order: str) -> Value:
    """Return the values of a matrix, or what each cell holds, in MATLAB's order."""
    if variable.kind == CELL:
        cells = [begun(element, order) for element in variable.rest]
        if len(cells) != prod(variable.shape):
            raise ValueError("it is cut short")
        named = enumerate(cells, 1)
        return [matrix_of(cell, order, f"cell {i} of {variable.name}") for i, cell in named]
    return matrix_of(variable, order, variable.name)


def matrix_of(variable: StoredMatrix, order: str, name: str) -> np.ndarray:
    """Return the values of a matrix; of a text its rows.

    Raises:
        ValueError: If it is another class, complex or cut short.
    """
    if variable.kind not in (TEXT, *CLASSES) or variable.flags & COMPLEX:
        what = "complex" if variable.kind in CLASSES else OTHERS.get(variable.kind, "a cell")
        raise ValueError(f"{name} is {what}, and must be a matrix of real numbers, T × D")
    part = take(variable.rest)
    stored = np.frombuffer(bytes(part.data), f"{order}{TYPES[part.kind]}")
    if variable.kind == TEXT and variable.shape[0] == 1:  # of any number of bytes a letter
        raw = part.kind == 16
        text = bytes(part.data).decode() if raw else "".join(map(chr, stored.tolist()))
        return np.array(text)
    if stored.size != prod(variable.shape):
        raise ValueError(f"{name} is cut short")
    found = stored.reshape(variable.shape, order="F")
    if variable.kind == TEXT:
        return np.array(["".join(map(chr, row)).rstrip() for row in found.tolist()])
    return found.astype(np.bool_ if variable.flags & LOGICAL else CLASSES[variable.kind])
