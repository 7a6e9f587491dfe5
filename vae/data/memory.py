"""Arrays that are in memory already, as a data set."""

__all__ = ["Memory"]

from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from vae.checks import check_choice
from vae.data.formats.array_fields import as_sequences, kept_as, kinds_of_sequences
from vae.data.labels import Classes, as_classes
from vae.data.precision import narrowed
from vae.data.source import Source, Splits, TensorExamples
from vae.spec import DataSpec

SUPPORTS = (None, "boolean", "unit_interval", "real")
Part = ArrayLike | Tensor | Mapping[str, Any]


@final
class Memory(Source):
    """N vectors ``(N, D)``, signals ``(N, C, L)`` or pictures ``(N, C, H, W)`` in memory.

    uint8 is taken as 0…255 for [0, 1], or as {0, 1} if it holds nothing else; bool as {0, 1},
    floats as real numbers, unless ``support`` says otherwise.

    Args:
        train: x, or what is known of the examples by name, ``(N, ...)`` each: ``x``; ``label``,
            classes; and further fields that a model reads. With a field ``length`` x are sequences
            ``(N, T, *event)`` of so many valid steps, and ``mask`` says what of them is known.
        val: The same of a validation part; ``None`` lets `DataModule` cut one.
        test: The same of a test part.
        support: ``boolean``, ``unit_interval``, ``real``, or ``None`` to go by type and values.
        name: What reports call the data.

    Raises:
        ValueError: If shape or type cannot be used.

    Example:
        >>> spec = Memory(np.zeros((5, 3), np.float32)).spec
        >>> spec.shape, spec.support
        ((3,), 'real')
    """

    def __init__(
        self,
        train: Part,
        *,
        val: Part | None = None,
        test: Part | None = None,
        support: str | None = None,
        name: str = "memory",
    ) -> None:
        check_choice("support", support, SUPPORTS)
        if train is None:
            raise ValueError("x must be an array, a tensor, or fields by name; got None")
        self.has_val, self.has_test = val is not None, test is not None
        given = {"train": train, "val": val, "test": test}
        self.parts = {part: arrays(part, x) for part, x in given.items() if x is not None}
        self.support = support
        self.name = name
        check_alike(self.parts)

    @cached_property
    def spec(self) -> DataSpec:
        """Shape and range of the values.

        Raises:
            ValueError: If the type of the values leaves several supports, or labels are none.
        """
        x, support = self.parts["train"]["x"], self.support or self._natural_support()
        byte_levels = x.dtype == np.uint8 and support == "unit_interval"
        return DataSpec(
            name=self.name,
            shape=x.shape[1:],
            support=support,
            levels=2 if support == "boolean" else 256 if byte_levels else None,
            num_classes=None if self._classes is None else self._classes.num_classes,
            class_names=() if self._classes is None else self._classes.names,
            fields=kinds_of_sequences(
                {
                    name: {"shape": a.shape[1:], "dtype": np.dtype(kept_as(a.dtype)).name}
                    for name, a in further(self.parts["train"]).items()
                }
            ),
        )

    def _natural_support(self) -> str:
        dtype = self.parts["train"]["x"].dtype
        if dtype == np.bool_:
            return "boolean"
        if dtype == np.uint8:
            bits = max(part["x"].max(initial=0) for part in self.parts.values()) == 1
            return "boolean" if bits else "unit_interval"
        if dtype.kind == "f":
            return "real"
        raise ValueError(
            f'x holds {dtype}: give uint8 if these are levels of 0…255, or support="real" if they '
            "are counts or measurements"
        )

    @cached_property
    def _classes(self) -> Classes | None:
        found = {name: part["label"] for name, part in self.parts.items() if "label" in part}
        sizes = {name: len(part["x"]) for name, part in self.parts.items()}
        return as_classes(found, sizes, None, subject="labels") if found else None

    def prepare(self) -> None:
        """Do nothing: all is there."""

    def load(self) -> Splits:
        """Return the examples."""
        found = {name: self._examples(name) for name in self.parts}
        return Splits(found["train"], found.get("val"), found.get("test"))

    def _examples(self, name: str) -> TensorExamples:
        part, classes = self.parts[name], self._classes
        x, bits = part["x"], self.spec.levels == 2
        as_bytes = x.dtype == np.bool_ or (x.dtype == np.uint8 and self.spec.levels is not None)
        if bits and not ((x == 0) | (x == 1)).all():
            raise ValueError(f"x is to be boolean but holds values from {x.min()} to {x.max()}")
        fields = {
            key: torch.from_numpy(array.astype(kept_as(array.dtype), copy=False))
            for key, array in further(part).items()
        }
        return TensorExamples(
            torch.from_numpy(x.astype(np.uint8, copy=False) if as_bytes else narrowed(x)),
            None if classes is None else classes.labels[name],
            fields=as_sequences(name, fields, self.spec.shape),
        )


def arrays(part: str, given: Part) -> dict[str, np.ndarray]:
    """Return what is known of the examples of a part as arrays.

    Raises:
        ValueError: If there is no x, or something else than an array.
    """
    named = given if isinstance(given, Mapping) else {"x": given}
    if "x" not in named:
        raise ValueError(f"{part} needs x among its fields; got {', '.join(map(str, named))}")
    found = {str(name): as_array(name, value) for name, value in named.items()}
    if found["x"].ndim < 2 or found["x"].size == 0:
        raise ValueError(
            f"x must be (N, D), (N, C, L) or (N, C, H, W) with N of at least 1; "
            f"got {found['x'].shape}"
        )
    if "length" in found and found["x"].ndim == 2:
        found["x"] = found["x"][..., None]
    sizes = {name: len(array) if array.ndim else 0 for name, array in found.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"the fields of a part must be equally long; got {sizes}")
    return found


def as_array(name: object, value: Any) -> np.ndarray:
    """Return numbers, truth values or texts as a contiguous array.

    Raises:
        ValueError: If they are none.
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value  # NumPy has none such
    if np.ma.is_masked(value):
        raise ValueError(f"{name} has masked values: fill them, or leave such examples out")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must hold numbers, equally many of each example") from error
    if array.dtype == object and all(isinstance(one, str) for one in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in ("biuf" if name != "label" else "biufUS"):
        raise ValueError(f"{name} must hold numbers; got {array.dtype}")
    return np.require(array, requirements=["C", "W"])  # torch warns of what cannot be written


def further(part: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the fields besides x and label."""
    return {name: array for name, array in part.items() if name not in ("x", "label")}


def check_alike(parts: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Refuse parts of other fields, shapes or types than the training part has."""
    first = {name: (a.shape[1:], a.dtype) for name, a in parts["train"].items()}
    for part, found in parts.items():
        kinds = {name: (a.shape[1:], a.dtype) for name, a in found.items()}
        both = {name: {first[name][1].kind, kinds[name][1].kind} for name in first.keys() & kinds}
        texts = {name for name, found in both.items() if found <= {"U", "S"}}  # of any length
        for name in first.keys() | kinds.keys():
            if first.get(name) != kinds.get(name) and name not in texts:
                raise ValueError(
                    f"{part} must hold what train holds; of {name}, that is "
                    f"{first.get(name, 'nothing')}, and here {kinds.get(name, 'nothing')}"
                )
