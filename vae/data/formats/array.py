"""The user's own arrays: vectors, signals or pictures in an .npy or .npz file."""

__all__ = ["Array"]

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import torch

from vae.checks import check_bool, check_choice, check_int, check_range
from vae.data.formats.array_fields import (
    as_sequences,
    check_names,
    field_kinds,
    keys_of_fields,
    load_fields,
)
from vae.data.formats.array_keys import PartKeys, counterparts, keys_of_parts, load_columns
from vae.data.formats.array_shapes import CHANNELS, event_shape, sequence_shape
from vae.data.formats.headers import ArrayHeader, load_array, read_headers
from vae.data.formats.mapped import MappedFile
from vae.data.formats.values import as_bits, natural_support, told_range
from vae.data.labels import Classes, as_classes
from vae.data.precision import narrowed
from vae.data.sets.factor_columns import Factors, as_factors
from vae.data.source import Source, Splits, TensorExamples
from vae.spec import DataSpec

SUPPORTS = (None, "boolean", "unit_interval", "real")
MOST_CLASSES = 1_000_000  # for each of which evaluations keep figures
LARGE = 1 << 30  # bytes from which an array is left in its file, if it can be


@final
class Array(Source):
    """N vectors ``(N, D)``, signals ``(N, C, L)`` or pictures ``(N, C, H, W)`` in a NumPy file.

    uint8 is taken as 0…255 for [0, 1], or as {0, 1} if it holds nothing else; bool as {0, 1},
    floats as real numbers, unless ``support`` says otherwise. Other integers need ``support``, and
    become floats.

    Args:
        path: An ``.npy`` or ``.npz`` file; ``~`` is the home folder.
        data_key: Which array of an ``.npz``; ``None`` takes the only one, or data, x, images, or
            the training array of a file with parts of its own.
        own_parts: Whether arrays called like the data, with val or test for train, are the
            validation and test parts (x_train beside x_test); ``None`` does it if ``data_key`` is
            ``None``.
        label_key: Which array of the ``.npz`` holds the labels ``(N,)`` or ``(N, 1)``, integers or
            texts; ``None`` takes labels or y if there and if they are classes, ``none`` leaves
            labels out.
        labels: An ``.npy`` file of labels, instead.
        factors_key: Which array of the ``.npz`` holds ground-truth factors ``(N, F)``.
        factors: An ``.npy`` file of factors, instead.
        factor_names: Of the factors, in the order of their columns.
        fields: Further fields of an example, for models and objectives that read them, and which
            array of the ``.npz`` holds each, ``(N, ...)``: ``{"mask": "valid"}``. uint8 and truth
            values stay as they are; other integers become int64, floats float32. With a field
            ``length`` examples are sequences ``(N, T, *event)`` of so many valid steps.
        channels: Where the channels stand: ``first``, ``last``, or ``none`` if the array has none.
            ``None`` takes 2 dimensions as vectors and 4 as channels first, and refuses 3, which
            may be either.
        support: ``boolean``, ``unit_interval``, ``real``, or ``None`` to go by type and values.
        num_classes: How many classes the labels name, from 0, 1 to 1,000,000; ``None`` counts.
        mmap: Whether the array stays in its file, of which a batch is read as it is needed. That
            asks for uint8 (0…255), bool or float32, in C order with channels first, in an ``.npy``
            file; ``None`` does it with such arrays of 1 GiB and more.

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
        labels: str | None = None,
        factors_key: str | None = None,
        factors: str | None = None,
        factor_names: Sequence[str] | None = None,
        fields: Mapping[str, str] | None = None,
        channels: str | None = None,
        support: str | None = None,
        num_classes: int | None = None,
        mmap: bool | None = None,
    ) -> None:
        if not path:
            raise ValueError("data=array needs data.path=<an .npy or .npz file>.")
        self.path = Path(path).expanduser().absolute()
        self.data_key = data_key
        self.own_parts = own_parts
        self.label_key = label_key
        self.labels = None if labels is None else Path(labels).expanduser().absolute()
        self.factors_key = factors_key
        self.factors = None if factors is None else Path(factors).expanduser().absolute()
        self.factor_names = factor_names
        self.fields = {} if fields is None else fields
        self.channels = channels
        self.support = support
        self.num_classes = num_classes
        self.mmap = mmap
        self._check()

    def _check(self) -> None:
        check_choice("data.channels", self.channels, CHANNELS)
        check_choice("data.support", self.support, SUPPORTS)
        if self.num_classes is not None:
            check_int("data.num_classes", self.num_classes)
            check_range("data.num_classes", self.num_classes, 1, MOST_CLASSES)
        if self.factor_names is not None and self.factors_key is None and self.factors is None:
            raise ValueError("data.factor_names needs data.factors_key or data.factors.")
        check_names(self.fields)
        check_bool("data.own_parts", self.own_parts, optional=True)
        check_bool("data.mmap", self.mmap, optional=True)

    @cached_property
    def has_val(self) -> bool:  # type: ignore[override]  # of a file that is read when asked
        """Whether the file has a validation part of its own."""
        return "val" in self._keys

    @cached_property
    def has_test(self) -> bool:  # type: ignore[override]
        """Whether the file has a test part of its own."""
        return "test" in self._keys

    @cached_property
    def spec(self) -> DataSpec:
        """Shape and range; labels, factors and some bytes are read.

        Of bytes, those up to the first that is neither 0 nor 1.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If shape or type cannot be used, or labels or factors are none.
        """
        keys = [part.data for part in self._keys.values()]
        header = self._headers[keys[0]]
        make = sequence_shape if "length" in self.fields else event_shape
        shape = make(self.path, header, self.channels)
        support = self.support or natural_support(self.path, keys, header.dtype)
        byte_levels = header.dtype == np.uint8 and support == "unit_interval"
        classes, factors = self._classes[0], self._factors
        return DataSpec(
            name=self.path.stem,
            shape=shape,
            support=support,
            levels=2 if support == "boolean" else 256 if byte_levels else None,
            num_classes=None if classes is None else classes.num_classes,
            class_names=() if classes is None else classes.names,
            factor_names=() if factors is None else factors.names,
            factor_sizes=() if factors is None else factors.sizes,
            fields=field_kinds(self.path, self._headers, self._field_keys, self._sizes),
        )

    def prepare(self) -> None:
        """Do nothing: the file is the user's."""

    def load(self) -> Splits:
        """Read the file, or map it.

        Raises:
            ValueError: If it is damaged, or labels do not fit, or it cannot be mapped and should.
        """
        spec, key = self.spec, self._keys["train"].data
        parts = {name: self._examples(name) for name in self._keys}
        facts = {"values": told_range(parts["train"], self._headers[key].dtype, spec)}
        if self._classes[1]:
            facts["labels"] = self._classes[1]
        if self._factors is not None:
            facts["factors"] = self._factors.told
        if self.fields:
            facts["fields"] = ", ".join(f"{name} ({key})" for name, key in self.fields.items())
        taken = ", ".join(part.data for part in self._keys.values())
        if len(parts) > 1:
            facts["parts"] = taken
        elif others := counterparts(key, self._headers):
            facts["parts"] = f"{taken}; data.own_parts=true takes {', '.join(others)} too"
        read = {name for part in self._keys.values() for name in part}
        read.update(name for part in self._field_keys.values() for name in part.values())
        if unread := [name for name in self._headers if name not in read]:
            facts["left out"] = f"arrays {', '.join(unread)}"
        return Splits(**parts, facts=facts)

    def _examples(self, part: str) -> TensorExamples:
        key = self._keys[part].data
        dtype, mapped = self._headers[key].dtype, self._is_mapped(key)
        file = MappedFile(self.path) if mapped else None
        x = load_array(self.path, key, mapped=mapped)
        if self.channels == "last":
            x = np.moveaxis(x, -1, 1)
        x = np.ascontiguousarray(x.reshape(len(x), *self.spec.shape))
        keep_bytes = dtype == np.bool_ or (dtype == np.uint8 and self.spec.levels is not None)
        if keep_bytes and (mapped if dtype == np.bool_ else self.spec.levels == 2):
            x = as_bits(x, self.path)
        x = x.astype(np.uint8, copy=False) if keep_bytes else narrowed(x)
        classes, factors = self._classes[0], self._factors
        fields = load_fields(self.path, self._field_keys[part])
        return TensorExamples(
            torch.from_numpy(x),
            None if classes is None else classes.labels[part],
            None if factors is None else factors.columns[part],
            fields=as_sequences(self.path, fields, self.spec.shape),
            file=file,
        )

    def _is_mapped(self, key: str) -> bool:
        header = self._headers[key]
        as_stored = header.dtype in (np.uint8, np.bool_, np.float32) and not header.fortran
        converted = header.dtype == np.uint8 and self.support == "real"
        can = not key and self.channels != "last" and as_stored and not converted
        if self.mmap and not can:
            raise ValueError(
                f"data.mmap=true needs uint8 (0…255), bool or float32, in C order with channels "
                f"first, in an .npy file; {self.path} holds {header.dtype}: store it so, or use "
                "data.mmap=false."
            )
        return can and (self.path.stat().st_size >= LARGE if self.mmap is None else self.mmap)

    @cached_property
    def _headers(self) -> dict[str, ArrayHeader]:
        return read_headers(self.path)

    @cached_property
    def _keys(self) -> dict[str, PartKeys]:
        found = keys_of_parts(
            self.path,
            self._headers,
            data=self.data_key,
            labels=self.label_key if self.labels is None else "none",
            factors=self.factors_key if self.factors is None else None,
            own_parts=self.own_parts,
        )
        if len(found) > 1 and (self.labels or self.factors):
            raise ValueError(
                f"{self.path} has parts of its own, and data.labels and data.factors are files for "
                "one array: use data.label_key and data.factors_key, or data.own_parts=false."
            )
        return found

    @cached_property
    def _field_keys(self) -> dict[str, dict[str, str]]:
        return keys_of_fields(self.path, self._headers, self.fields, self._keys)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {name: self._headers[part.data].shape[0] for name, part in self._keys.items()}

    @cached_property
    def _classes(self) -> tuple[Classes | None, str | None]:
        keys = {name: part.labels for name, part in self._keys.items()}
        asked = bool(self.label_key or self.labels or self.num_classes)
        try:
            found = load_columns(self.path, keys, self.labels, self.label_key, "data.labels")
            if found is None:
                return None, None
            subject = f"Labels for {self.path}" if asked else str(keys["train"])
            classes = as_classes(found, self._sizes, self.num_classes, subject=subject)
        except ValueError as error:
            if asked:
                raise
            return None, f"none: {error}"
        return classes, classes.told

    @cached_property
    def _factors(self) -> Factors | None:
        keys = {name: part.factors for name, part in self._keys.items()}
        found = load_columns(self.path, keys, self.factors, self.factors_key, "data.factors")
        subject = f"Factors for {self.path}"
        if found is None:
            return None
        return as_factors(found, self._sizes, self.factor_names, subject=subject)
