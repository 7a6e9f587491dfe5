"""The user's own arrays: vectors, signals or pictures in an .npy or .npz file."""

__all__ = ["Array"]

from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from vae.data.checks import check_bool, check_choice, check_int
from vae.data.headers import ArrayHeader, data_key, load_array, read_headers
from vae.data.precision import narrowed
from vae.data.source import Source, Splits, TensorExamples
from vae.data.spec import DataSpec

SUPPORTS = (None, "boolean", "unit_interval", "real")
CHANNELS = (None, "first", "last", "none")
LABEL_KEYS = ("labels", "y")
LARGE = 1 << 30  # bytes from which an array is left in its file, if it can be
BLOCK = 1 << 24  # bytes that are looked at at once


@final
class Array(Source):
    """N vectors ``(N, D)``, signals ``(N, C, L)`` or pictures ``(N, C, H, W)`` in a NumPy file.

    uint8 is taken as 0…255 for [0, 1], bool as {0, 1}, floats as real numbers, unless ``support``
    says otherwise. Other integers need ``support``, and become floats.

    Args:
        path: An ``.npy`` or ``.npz`` file; ``~`` is the home folder.
        data_key: Which array of an ``.npz``; ``None`` takes the only one, or data, x, images.
        label_key: Which array of the ``.npz`` holds the labels ``(N,)``, integers from 0; ``None``
            takes labels or y if there.
        labels: An ``.npy`` file of labels, instead.
        channels: Where the channels stand: ``first``, ``last``, or ``none`` if the array has none.
            ``None`` takes 2 dimensions as vectors and 4 as channels first, and refuses 3, which
            may be either.
        support: ``boolean``, ``unit_interval``, ``real``, or ``None`` to go by the type.
        num_classes: How many classes the labels name; ``None`` counts them.
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
        label_key: str | None = None,
        labels: str | None = None,
        channels: str | None = None,
        support: str | None = None,
        num_classes: int | None = None,
        mmap: bool | None = None,
    ) -> None:
        if not path:
            raise ValueError("data=array needs data.path=<an .npy or .npz file>.")
        check_choice("data.channels", channels, CHANNELS)
        check_choice("data.support", support, SUPPORTS)
        if num_classes is not None:
            check_int("data.num_classes", num_classes)
        if mmap is not None:
            check_bool("data.mmap", mmap)
        self.path = Path(path).expanduser().absolute()
        self.labels_path = None if labels is None else Path(labels).expanduser().absolute()
        self.data_key = data_key
        self.label_key = label_key
        self.channels = channels
        self.support = support
        self.num_classes = num_classes
        self.mmap = mmap

    @property
    def spec(self) -> DataSpec:
        """Shape and range from the file's header; labels are read if there are any.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If shape or type cannot be used.
        """
        headers = read_headers(self.path)
        header = headers[data_key(self.path, headers, self.data_key)]
        shape = self._shape(header)
        support = self.support or self._natural_support(header.dtype)
        byte_levels = header.dtype == np.uint8 and support == "unit_interval"
        labels = self._labels(headers)
        counted = None if labels is None else max(int(labels.max()) + 1, self.num_classes or 1)
        return DataSpec(
            name=self.path.stem,
            shape=shape,
            support=support,
            levels=2 if support == "boolean" else 256 if byte_levels else None,
            num_classes=counted,
        )

    def prepare(self) -> None:
        """Do nothing: the file is the user's."""

    def load(self) -> Splits:
        """Read the file, or map it.

        Raises:
            ValueError: If it is damaged, or labels do not fit, or it cannot be mapped and should.
        """
        headers = read_headers(self.path)
        key = data_key(self.path, headers, self.data_key)
        spec, mapped = self.spec, self._is_mapped(headers[key])
        x = load_array(self.path, key, mapped=mapped)
        if self.channels == "last":
            x = np.moveaxis(x, -1, 1)
        x = np.ascontiguousarray(x.reshape(len(x), *spec.shape))
        if mapped and x.dtype == np.bool_:
            x = self._bits(x)
        keep_bytes = headers[key].dtype == np.bool_ or spec.levels == 256
        x = x.astype(np.uint8, copy=False) if keep_bytes else narrowed(x)
        return Splits(TensorExamples(torch.from_numpy(x), self._labels(headers)))

    def _is_mapped(self, header: ArrayHeader) -> bool:
        as_stored = header.dtype in (np.uint8, np.bool_, np.float32) and not header.fortran
        converted = header.dtype == np.uint8 and self.support in ("boolean", "real")
        can = self.path.suffix == ".npy" and self.channels != "last" and as_stored and not converted
        if self.mmap and not can:
            raise ValueError(
                f"data.mmap=true needs uint8 (0…255), bool or float32, in C order with channels "
                f"first, in an .npy file; {self.path} holds {header.dtype}: store it so, or use "
                "data.mmap=false."
            )
        return can and (self.path.stat().st_size >= LARGE if self.mmap is None else self.mmap)

    def _bits(self, x: np.ndarray) -> np.ndarray:
        # Of a file, any byte may claim to be a bool.
        x = x.view(np.uint8)
        rows = max(1, BLOCK // x[0].size)
        for start in range(0, len(x), rows):
            if x[start : start + rows].max() > 1:
                raise ValueError(f"{self.path} is damaged: a bool is neither 0 nor 1.")
        return x

    def _natural_support(self, dtype: np.dtype) -> str:
        if dtype == np.uint8:
            return "unit_interval"
        if dtype == np.bool_:
            return "boolean"
        if dtype.kind == "f":
            return "real"
        raise ValueError(
            f"{self.path} holds {dtype}: store uint8 (0…255), bool or float32, or set data.support "
            "to boolean, unit_interval or real to read integers as floats."
        )

    def _shape(self, header: ArrayHeader) -> tuple[int, ...]:
        shape = header.shape
        if header.dtype.kind not in "fiub":
            raise ValueError(f"{self.path} holds {header.dtype}: only real numbers can be used.")
        if not 2 <= len(shape) <= 4 or 0 in shape:
            raise ValueError(
                f"{self.path} has shape {shape}: it must be (N, D), (N, C, L) or (N, C, H, W), "
                "with no dimension of 0."
            )
        self._check_channels(shape)
        if self.channels == "none":
            return (1, *shape[1:])
        return (shape[-1], *shape[1:-1]) if self.channels == "last" else shape[1:]

    def _check_channels(self, shape: tuple[int, ...]) -> None:
        if self.channels is None and len(shape) == 3:
            raise ValueError(
                f"{self.path} has shape {shape}: set data.channels=none for pictures (N, H, W), or "
                "first for signals (N, C, L), or last for signals (N, L, C)."
            )
        if self.channels is None and len(shape) == 4 and shape[-1] in (1, 3, 4) and shape[1] > 4:
            raise ValueError(
                f"{self.path} has shape {shape}, with channels last it seems: set "
                "data.channels=last, or data.channels=first if the second dimension is channels."
            )
        if self.channels == "none" and len(shape) == 4:
            raise ValueError(
                f"data.channels=none needs 2 or 3 dimensions; {self.path} has {shape}."
            )
        if self.channels == "last" and len(shape) == 2:
            raise ValueError(
                f"data.channels=last needs 3 or 4 dimensions; {self.path} has {shape}."
            )

    def _labels(self, headers: dict[str, ArrayHeader]) -> Tensor | None:
        found = self._load_labels(headers)
        if found is None:
            return None
        count = headers[data_key(self.path, headers, self.data_key)].shape[0]
        if found.dtype.kind not in "iu" or found.shape != (count,) or found.min() < 0:
            raise ValueError(
                f"Labels for {self.path} must be {count} integers from 0 up; got {found.dtype} of "
                f"shape {found.shape}."
            )
        if self.num_classes is not None and found.max() >= self.num_classes:
            raise ValueError(
                f"Labels for {self.path} reach {found.max()}, but data.num_classes="
                f"{self.num_classes}: raise it, or leave it null."
            )
        return torch.from_numpy(found.astype(np.int64))

    def _load_labels(self, headers: dict[str, ArrayHeader]) -> np.ndarray | None:
        if self.labels_path is not None:
            labels_headers = read_headers(self.labels_path, "data.labels")
            key = data_key(self.labels_path, labels_headers, self.label_key)
            return load_array(self.labels_path, key)
        if self.label_key is not None:
            return load_array(self.path, data_key(self.path, headers, self.label_key))
        found = next((key for key in LABEL_KEYS if key in headers), None)
        return None if found is None else load_array(self.path, found)
