"""The user's own sequences of unequal lengths: music, measurements over time, movements."""

__all__ = ["Sequences"]

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import torch

from vae.checks import check_bool, check_choice, check_int, check_range
from vae.data.formats.array import MOST_CLASSES, SUPPORTS
from vae.data.formats.array_fields import check_names
from vae.data.formats.array_keys import NONE
from vae.data.formats.padding import PaddedPart, pad_parts
from vae.data.formats.sequence_files import KINDS, read_stored
from vae.data.formats.sequence_parts import SequencePart, parts_of
from vae.data.formats.values import told_range
from vae.data.labels import Classes, as_classes
from vae.data.source import Source, Splits, TensorExamples
from vae.spec import DataSpec


@final
class Sequences(Source):
    """N sequences of T_i steps in a file, padded to the longest: examples ``(T, *event)``.

    Each has the field ``length``, how many of its steps are valid. Values that are NaN or null are
    missing: the field ``mask`` says which are known, bool ``(T, *event)``, and 0 stands for the
    others, as it does beyond the length. ``mask`` of the file itself is ``(T,)`` or
    ``(T, *event)``. ``time`` must rise from step to step.

    The file is an ``.npz`` of an array for each sequence, of ``x`` ``(N, T, *event)`` beside
    ``length`` ``(N,)``, or of ``x`` ``(ΣT, *event)`` beside ``lengths`` or ``offsets``; a ``.mat``
    of these or of cells; or a ``.jsonl`` with an object of lists in each line.

    Values of 0 and 1 alone are bits, uint8 is taken as 0…255 for [0, 1], others are real numbers,
    unless ``support`` says otherwise.

    Args:
        path: The file; ``~`` is the home folder.
        data_key: Which array is x; ``None`` takes data, x, or the training array of a file with
            parts of its own, and else each array for a sequence.
        own_parts: Whether arrays called like the data, with val or test for train, are the
            validation and test parts; ``None`` does it if ``data_key`` is ``None``.
        label_key: Which array holds a class of each sequence; ``None`` takes label or y if there
            and if they are classes, ``none`` leaves labels out.
        fields: Further fields, and which array holds each; ``None`` takes all that have a value
            for each sequence or for each of its steps.
        support: ``boolean``, ``unit_interval``, ``real``, or ``None`` to go by type and values.
        num_classes: How many classes the labels name, from 0, 1 to 1,000,000; ``None`` counts.

    Raises:
        ValueError: If a setting is not allowed.
    """

    def __init__(
        self,
        path: str,
        *,
        data_key: str | None = None,
        own_parts: bool | None = None,
        label_key: str | None = None,
        fields: Mapping[str, str] | None = None,
        support: str | None = None,
        num_classes: int | None = None,
    ) -> None:
        if not path:
            raise ValueError(f"data=sequences needs data.path=<{KINDS}>.")
        self.path = Path(path).expanduser().absolute()
        self.data_key = data_key
        self.own_parts = own_parts
        self.label_key = label_key
        self.fields = fields
        self.support = support
        self.num_classes = num_classes
        check_choice("data.support", support, SUPPORTS)
        check_bool("data.own_parts", own_parts, optional=True)
        if fields is not None:
            check_names(fields)
        if num_classes is not None:
            check_int("data.num_classes", num_classes)
            check_range("data.num_classes", num_classes, 1, MOST_CLASSES)

    @cached_property
    def has_val(self) -> bool:  # type: ignore[override]  # of a file that is read when asked
        """Whether the file has a validation part of its own."""
        return "val" in self._parts

    @cached_property
    def has_test(self) -> bool:  # type: ignore[override]
        """Whether the file has a test part of its own."""
        return "test" in self._parts

    @cached_property
    def spec(self) -> DataSpec:
        """Shape, range and fields; the file is read, once.

        Raises:
            FileNotFoundError: If it does not exist.
            ValueError: If it is damaged or of another kind, or its arrays do not fit.
        """
        train, classes = self._padded["train"], self._classes[0]
        bits = train.x.dtype == np.uint8 and max(p.x.max() for p in self._padded.values()) <= 1
        natural = "real" if train.x.dtype.kind == "f" else "boolean" if bits else "unit_interval"
        support = self.support or natural
        byte_levels = train.x.dtype == np.uint8 and support == "unit_interval" and not bits
        return DataSpec(
            name=self.path.stem,
            shape=train.x.shape[1:],
            support=support,
            levels=2 if support == "boolean" else 256 if byte_levels else None,
            num_classes=None if classes is None else classes.num_classes,
            class_names=() if classes is None else classes.names,
            fields={
                name: {"shape": column.shape[1:], "dtype": column.dtype.name}
                for name, column in train.fields.items()
            },
        )

    def prepare(self) -> None:
        """Do nothing: the file is the user's."""

    def load(self) -> Splits:
        """Return the sequences; errors as of `spec`."""
        spec = self.spec
        parts = {name: self._examples(name) for name in self._parts}
        train = self._padded["train"]
        facts = {"values": told_range(parts["train"], train.x.dtype, spec), **lengths(self._padded)}
        if missing := told_missing(self._padded):
            facts["missing"] = missing
        if self._classes[1]:
            facts["labels"] = self._classes[1]
        if others := [name for name in train.fields if name not in ("length", "mask")]:
            facts["fields"] = ", ".join(others)
        if len(parts) > 1:
            facts["parts"] = ", ".join(f"{name} {len(found):,}" for name, found in parts.items())
        if unread := self._parts["train"].left_out:
            facts["left out"] = f"arrays {', '.join(unread)}"
        return Splits(**parts, facts=facts)

    def _examples(self, part: str) -> TensorExamples:
        found, classes = self._padded[part], self._classes[0]
        x = found.x
        if x.dtype == np.uint8 and self.spec.levels is None:
            x = x.astype(np.float32)
        return TensorExamples(
            torch.from_numpy(x),
            None if classes is None else classes.labels[part],
            fields={name: torch.from_numpy(column) for name, column in found.fields.items()},
        )

    @cached_property
    def _parts(self) -> dict[str, SequencePart]:
        return parts_of(
            self.path,
            read_stored(self.path),
            data_key=self.data_key,
            own_parts=self.own_parts,
            label_key=self.label_key,
            fields=self.fields,
        )

    @cached_property
    def _padded(self) -> dict[str, PaddedPart]:
        return pad_parts(self.path, self._parts)

    @cached_property
    def _classes(self) -> tuple[Classes | None, str | None]:
        stored = {name: part.labels for name, part in self._parts.items()}
        asked = bool(self.label_key not in (None, NONE) or self.num_classes)
        if stored["train"] is None:
            return None, None
        try:
            found = {name: column_of(self.path, name, rows) for name, rows in stored.items()}
            sizes = {name: len(column) for name, column in found.items()}
            subject = f"Labels for {self.path}" if asked else "label"
            classes = as_classes(found, sizes, self.num_classes, subject=subject)
        except ValueError as error:
            if asked:
                raise
            return None, f"none: {error}"
        return classes, classes.told


def column_of(path: Path, part: str, rows: list[np.ndarray] | None) -> np.ndarray:
    """Return the labels of a part as ``(N,)``, or one-hot ``(N, C)``.

    Raises:
        ValueError: If it has none, or they are not one for each sequence.
    """
    if rows is None:
        raise ValueError(f"{path} has labels, but none for its part {part}")
    if len({value.size for value in rows}) > 1:
        raise ValueError(f"labels of {path} must be one for each sequence")
    found = np.stack([value.reshape(-1) for value in rows])
    whole = found.dtype.kind == "f" and (found == found.round()).all()  # as MATLAB stores them
    found = found.astype(np.int64) if whole else found
    return found[:, 0] if found.shape[1] == 1 else found


def lengths(parts: Mapping[str, PaddedPart]) -> dict[str, str]:
    """Return what a summary says of the lengths."""
    steps = np.concatenate([part.fields["length"] for part in parts.values()])
    share = 1 - steps.mean() / steps.max()
    told = f"{steps.min():,} to {steps.max():,} steps, {steps.mean():.3g} on average"
    return {"length": told + (f"; {share:.0%} of what is kept is padding" if share else "")}


def told_missing(parts: Mapping[str, PaddedPart]) -> str | None:
    """Return how much within the lengths is missing."""
    if "mask" not in parts["train"].fields:
        return None
    known = sum(part.fields["mask"].sum() for part in parts.values())
    each = np.prod(parts["train"].fields["mask"].shape[2:], dtype=np.int64)
    total = sum(part.fields["length"].sum() for part in parts.values()) * each
    return f"{1 - known / total:.1%}; 0 stands for it, and the field mask says where"
