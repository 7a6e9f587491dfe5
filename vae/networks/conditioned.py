"""Nets that are given further fields of an example beside their own input."""

__all__ = ["Conditioned", "FieldFeatures"]

from collections.abc import Iterator, Sequence
from functools import partial
from math import prod

import torch
from torch import Tensor, nn

from vae.batch import blank
from vae.from_data import StartsAtOutput, StartsFromField
from vae.spec import DataSpec


class FieldFeatures(nn.Module):
    """What nets read of some fields of an example: classes one-hot, other values as they are.

    Real values are standardised by those of the training data where x is.

    Args:
        spec: Of the data.
        names: Of the fields, at least one: ``label``, ``factors`` or another that the data have.

    Attributes:
        size: How many numbers they are.
        blank: Gives values of n examples, by name, without content.

    Raises:
        ValueError: If the data have no such field, or one is named twice.
    """

    like: Tensor

    def __init__(self, spec: DataSpec, names: Sequence[str]) -> None:
        super().__init__()
        check_names(spec, names)
        self.blank = partial(blank, spec, tuple(names))
        self.readers = nn.ModuleList(reader_of(spec, name) for name in names)
        self.size = sum(reader.size for reader in self._each())
        self.register_buffer("like", torch.zeros(()), persistent=False)  # says device and type

    def _each(self) -> Iterator["Reader"]:
        for reader in self.readers:
            assert isinstance(reader, Reader)
            yield reader

    def joined_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of an input with the features: more values, or more channels."""
        return (shape[0] + self.size, *shape[1:])

    def forward(self, *given: Tensor) -> Tensor:
        """Map the fields, ``(B, ...)`` each, wherever they are, to ``(B, size)``."""
        each = zip(self._each(), given, strict=True)
        return torch.cat([read(v.to(self.like.device)) for read, v in each], -1).to(self.like)


class Conditioned(nn.Module, StartsAtOutput):
    """A net that reads features of fields beside its input: of pictures as constant channels.

    Args:
        net: Maps ``(*lead, *features.joined_shape(in_shape))``; of a flat input, of its numbers.
        features: Makes numbers of the fields.
        in_shape: Of one input without them, ``(D,)``, ``(C, L)`` or ``(C, H, W)``.
        flat: Whether an input is flattened first, as latents are that are no vectors.

    References:
        Learning Structured Output Representation using Deep Conditional Generative Models (Sohn,
        Lee, Yan, 2015).
    """

    def __init__(
        self,
        net: nn.Module,
        features: nn.Module,
        in_shape: Sequence[int],
        *,
        flat: bool = False,
    ) -> None:
        super().__init__()
        self.net = net
        self.features = features
        self.flattened = len(in_shape) - 1 if flat else 0
        self.dims = len(in_shape) - self.flattened
        self.start_at_mean = isinstance(net, StartsAtOutput) and net.start_at_mean

    def forward(self, x: Tensor, *given: Tensor) -> Tensor:
        """Map ``(*lead, B, *in_shape)`` and fields ``(B, ...)`` to what the net makes of both."""
        features = self.features(*given).to(x.dtype)
        x = x.flatten(-1 - self.flattened) if self.flattened else x
        inner = x.shape[x.dim() - self.dims + 1 :]
        features = features.reshape(*features.shape, *[1] * len(inner))
        features = features.expand(*x.shape[: x.dim() - self.dims], -1, *inner)
        return self.net(torch.cat([x, features], -self.dims))

    def pooled(self, mean: Tensor) -> Tensor:
        """Return what the net says of a mean of the data, if it can start at one."""
        return self.net.pooled(mean) if isinstance(self.net, StartsAtOutput) else mean

    def start_at(self, output: Tensor) -> None:
        """Let the output of the net be this one, about which it varies, if the net can do that."""
        if isinstance(self.net, StartsAtOutput):
            self.net.start_at(output)


class OneHotCodes(nn.Module):
    """Classes as vectors of zeros with a one.

    Args:
        name: Of the field.
        shape: Of its value in one example, ``()`` or ``(F,)``.
        sizes: How many classes each of its entries has.
    """

    def __init__(self, name: str, shape: Sequence[int], sizes: Sequence[int]) -> None:
        super().__init__()
        self.name, self.shape, self.sizes = name, tuple(shape), tuple(sizes)
        self.size = sum(sizes)

    def forward(self, value: Tensor) -> Tensor:
        """Map classes ``(B, *shape)``, from 0, to ``(B, size)``."""
        check_shape(self.name, value, self.shape)
        entries = value.reshape(len(value), -1).unbind(1)
        if not torch.compiler.is_compiling() and (value.is_cpu or not self.training):
            for entry, count in zip(entries, self.sizes, strict=True):
                check_classes(self.name, entry, count)
        codes = [
            entry[:, None] == torch.arange(count, device=value.device)
            for entry, count in zip(entries, self.sizes, strict=True)
        ]
        return torch.cat(codes, 1).to(torch.get_default_dtype())


class OwnValues(nn.Module):
    """Values as they are.

    Args:
        name: Of the field.
        shape: Of its value in one example.
    """

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        super().__init__()
        self.name, self.shape, self.size = name, tuple(shape), prod(shape)

    def forward(self, value: Tensor) -> Tensor:
        """Map ``(B, *shape)`` to ``(B, size)``."""
        check_shape(self.name, value, self.shape)
        flat = value.reshape(len(value), -1)
        return flat if flat.is_floating_point() else flat.to(torch.get_default_dtype())


class StandardValues(nn.Module, StartsFromField):
    """Real values by the mean and the deviation of the training data.

    Args:
        name: Of the field.
        shape: Of its value in one example.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        super().__init__()
        self.field, self.values = name, OwnValues(name, shape)
        self.size = self.values.size
        self.register_buffer("shift", torch.zeros(self.size))
        self.register_buffer("scale", torch.ones(self.size))

    def start_from(self, values: Tensor, mask: Tensor | None = None) -> None:
        """Take mean and deviation of the training data, ``(N, *shape)``."""
        values = values.reshape(len(values), -1).double()
        self.shift = values.mean(0).to(self.shift)
        deviation = values.std(0, correction=0).to(self.scale)
        self.scale = torch.where(deviation > 0, deviation, 1.0)

    def forward(self, value: Tensor) -> Tensor:
        """Map ``(B, *shape)`` to ``(B, size)``."""
        return (self.values(value) - self.shift) / self.scale


Reader = OneHotCodes | OwnValues | StandardValues


def reader_of(spec: DataSpec, name: str) -> Reader:
    """Return what makes numbers of a field of such data."""
    if name == "label" and spec.num_classes is not None:
        return OneHotCodes(name, (), (spec.num_classes,))
    if name == "factors":
        return OneHotCodes(name, (len(spec.factor_sizes),), spec.factor_sizes)
    kind = spec.fields[name]
    real = kind["dtype"] == "float32"
    return (StandardValues if real and spec.standardized else OwnValues)(name, kind["shape"])


def check_names(spec: DataSpec, names: Sequence[str]) -> None:
    """Refuse fields that data do not have, or one that is named twice.

    Raises:
        ValueError: Saying which there are.
    """
    labels = () if spec.num_classes is None else ("label",)
    known = (*labels, *(("factors",) if spec.factor_names else ()), *spec.fields)
    if not known:
        raise ValueError(
            f"data {spec.name} have no field that a model could be given beside x, got "
            f"{', '.join(names)}: use data with labels, a target or data.fields"
        )
    for name in names:
        if name not in known:
            raise ValueError(f"data {spec.name} have no field {name}; they have {', '.join(known)}")
    if len(set(names)) < len(names):
        raise ValueError(f"each field is named once; got {', '.join(names)}")


def check_shape(name: str, value: Tensor, shape: Sequence[int]) -> None:
    """Refuse values of another shape than ``(B, *shape)``."""
    if value.shape[1:] != torch.Size(shape) or value.dim() == 0:
        wanted = "".join(f", {size}" for size in shape) or ","
        raise ValueError(f"{name} must have shape (B{wanted}); got {tuple(value.shape)}")


def check_classes(name: str, value: Tensor, count: int) -> None:
    """Refuse what is no number of a class."""
    wrong = (value < 0) | (value >= count) | (value != value.floor())
    if wrong.any():
        raise ValueError(
            f"{name} must be whole numbers from 0 to {count - 1}; got {value[wrong][0].item():g}"
        )
