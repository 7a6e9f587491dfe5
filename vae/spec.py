"""What a data set says about itself, once, before any of it is read."""

__all__ = ["DataSpec"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any


@dataclass(frozen=True)
class DataSpec:
    """Shape and values of the examples that reach the model; plain values, kept in checkpoints.

    Args:
        name: What the data set is called in reports.
        shape: Shape of one example: ``(C, H, W)``, ``(C, L)`` or ``(D,)``; of a sequence
            ``(T, *event)``.
        support: Where the values lie: ``boolean`` {0, 1}, ``unit_interval`` [0, 1] or ``real``.
        levels: How many equally spaced values in [0, 1] occur (256 for bytes, 2 for binary);
            ``None`` if the values are continuous.
        dequantized: Whether noise of one level's width was added, so that a density of ``levels``
            bins per dimension bounds a mass.
        standardized: Whether the model holds mean and width of each dimension, and its nets see
            values that are standardised by them; the examples are in their own units.
        num_classes: How many classes the labels name; ``None`` without labels.
        num_labelled: How many training examples have a label; ``None``: all, or none have.
        class_names: What the classes are called, in the order of the labels; empty if unknown.
        factor_names: Names of the ground-truth factors, in the order of their columns.
        factor_sizes: How many values each factor takes.
        fields: What else is known of each example, by name: its ``shape`` and its ``dtype``, which
            is ``bool``, ``uint8``, ``int64`` or ``float32``.
    """

    name: str
    shape: tuple[int, ...]
    support: str
    levels: int | None = None
    dequantized: bool = False
    standardized: bool = False
    num_classes: int | None = None
    num_labelled: int | None = None
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)

    def class_name(self, label: int) -> str | int:
        """Return what a class is called, or its number if that is not known."""
        if label < 0:  # of an example whose label is not known
            return "unlabelled"
        return self.class_names[label] if label < len(self.class_names) else label

    @property
    def of_sequences(self) -> bool:
        """Whether an example is a sequence ``(T, *event)`` with a ``length`` of 1 to T."""
        return "length" in self.fields

    @property
    def num_dims(self) -> int:
        """How many values one example has."""
        return prod(self.shape)
