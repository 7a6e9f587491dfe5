"""The grey 28×28 sets of the MNIST family, in IDX files."""

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST", "read_idx"]

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from vae.checks import check_choice
from vae.data.sets.class_names import CLASS_NAMES
from vae.data.sets.standard import Recipe, StandardSet
from vae.data.source import Splits, TensorExamples
from vae.spec import DataSpec

EMNIST_CLASSES = {
    "byclass": 62,
    "bymerge": 47,
    "balanced": 47,
    "letters": 26,
    "digits": 10,
    "mnist": 10,
}


@final
class MNIST(StandardSet):
    """Handwritten digits: 60,000 and 10,000 pictures 28×28, files in ``root/MNIST/raw``."""

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        return _recipe("mnist", "MNIST")


@final
class FashionMNIST(StandardSet):
    """Clothes: 60,000 and 10,000 pictures 28×28, files in ``root/FashionMNIST/raw``."""

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        return _recipe("fashion_mnist", "FashionMNIST")


@final
class KMNIST(StandardSet):
    """Cursive Japanese: 60,000 and 10,000 pictures 28×28, files in ``root/KMNIST/raw``."""

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        return _recipe("kmnist", "KMNIST")


@final
class EMNIST(StandardSet):
    """Handwritten letters and digits 28×28, files in ``root/EMNIST/raw``.

    The files hold every character mirrored along its diagonal; here they stand upright. Labels of
    ``letters`` count from 0.

    Args:
        root: The folder that holds ``EMNIST``.
        split: ``byclass``, ``bymerge``, ``balanced``, ``letters``, ``digits`` or ``mnist``.
        download: Whether missing files may be downloaded.

    Raises:
        ValueError: If there is no such split.
    """

    def __init__(
        self, root: str = "data", *, split: str = "balanced", download: bool = True
    ) -> None:
        check_choice("data.split", split, tuple(EMNIST_CLASSES))
        self.split = split
        super().__init__(root, download=download)

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        prefixes = tuple(f"EMNIST/raw/emnist-{self.split}-{part}" for part in ("train", "test"))
        first_label = int(self.split == "letters")
        return Recipe(
            spec=_spec(f"emnist_{self.split}", EMNIST_CLASSES[self.split]),
            files=_files(prefixes),
            read=partial(_read, prefixes=prefixes, upright=True, first_label=first_label),
            fetch=partial(_fetch_emnist, split=self.split),
        )


def _recipe(name: str, folder: str) -> Recipe:
    prefixes = (f"{folder}/raw/train", f"{folder}/raw/t10k")
    return Recipe(
        spec=_spec(name, 10),
        files=_files(prefixes),
        read=partial(_read, prefixes=prefixes),
        fetch=partial(_fetch, name=folder),
    )


def _files(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{p}-{kind}-ubyte" for p in prefixes for kind in ("images-idx3", "labels-idx1"))


def _spec(name: str, num_classes: int) -> DataSpec:
    return DataSpec(
        name,
        (1, 28, 28),
        "unit_interval",
        levels=256,
        num_classes=num_classes,
        class_names=CLASS_NAMES.get(name, ()),
    )


def _fetch(root: Path, *, name: str) -> None:
    from torchvision import datasets

    classes: dict[str, Callable[..., object]] = {
        "MNIST": datasets.MNIST,
        "FashionMNIST": datasets.FashionMNIST,
        "KMNIST": datasets.KMNIST,
    }
    classes[name](root, download=True)


def _fetch_emnist(root: Path, *, split: str) -> None:
    from torchvision import datasets

    datasets.EMNIST(root, split, download=True)


def _read(
    root: Path, *, prefixes: tuple[str, ...], upright: bool = False, first_label: int = 0
) -> Splits:
    train, test = (_examples(root, prefix, upright, first_label) for prefix in prefixes)
    return Splits(train=train, test=test)


def _examples(root: Path, prefix: str, upright: bool, first_label: int) -> TensorExamples:
    x = read_idx(root / f"{prefix}-images-idx3-ubyte")
    labels = read_idx(root / f"{prefix}-labels-idx1-ubyte").long() - first_label
    if len(x) != len(labels):
        raise ValueError(f"{prefix}: {len(x)} pictures but {len(labels)} labels")
    if upright:
        x = x.transpose(1, 2).contiguous()
    return TensorExamples(x.unsqueeze(1), labels)


def read_idx(path: Path) -> Tensor:
    """Return the bytes of an IDX file in its shape.

    Not torchvision's reader, since importing torchvision takes longer than all of MNIST.

    Raises:
        ValueError: If the file is not one of bytes, or its length is not what its header says.
    """
    data = np.fromfile(path, dtype=np.uint8)
    if len(data) < 4 or bytes(data[:3]) != b"\0\0\x08":
        raise ValueError(f"{path.name} is no IDX file of bytes")
    start = 4 + 4 * int(data[3])
    shape = tuple(int(n) for n in data[4:start].view(">u4"))
    if len(data) - start != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path.name} is truncated: {len(data)} bytes for shape {shape}")
    return torch.from_numpy(data[start:]).view(shape)
