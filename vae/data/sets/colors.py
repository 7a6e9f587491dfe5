"""Small colour photographs: CIFAR-10, CIFAR-100, SVHN and STL-10."""

__all__ = ["CIFAR10", "CIFAR100", "STL10", "SVHN"]

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from vae.checks import check_bool
from vae.data.sets.class_names import CLASS_NAMES
from vae.data.sets.standard import Recipe, StandardSet
from vae.data.source import Splits, TensorExamples
from vae.spec import DataSpec


@final
class CIFAR10(StandardSet):
    """Photographs 32×32 in 10 classes, 50,000 and 10,000, in ``root/cifar-10-batches-py``."""

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        names = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
        return _cifar_recipe("cifar10", 10, tuple(f"cifar-10-batches-py/{n}" for n in names))


@final
class CIFAR100(StandardSet):
    """Photographs 32×32 in 100 classes, 50,000 and 10,000, in ``root/cifar-100-python``."""

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        names = ("train", "test", "meta")
        return _cifar_recipe("cifar100", 100, tuple(f"cifar-100-python/{n}" for n in names))


@final
class SVHN(StandardSet):
    """House numbers 32×32 in 10 classes, 73,257 and 26,032, two ``.mat`` files in ``root``.

    Raises:
        ValueError: If scipy, which reads such files, is not installed.
    """

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        if find_spec("scipy") is None:
            raise ValueError("data=svhn needs scipy to read its .mat files: pip install scipy.")
        files = ("train_32x32.mat", "test_32x32.mat")
        return Recipe(_spec("svhn", 32, 10), files, _read_svhn, _fetch_svhn)


@final
class STL10(StandardSet):
    """Photographs 96×96 in 10 classes, 5,000 and 8,000, in ``root/stl10_binary``.

    Args:
        root: The folder that holds ``stl10_binary``.
        unlabeled: Train on the 100,000 unlabelled pictures too; there are no labels then.
        download: Whether missing files may be downloaded.
    """

    def __init__(
        self, root: str = "data", *, unlabeled: bool = False, download: bool = True
    ) -> None:
        check_bool("data.unlabeled", unlabeled)
        self.unlabeled = unlabeled
        super().__init__(root, download=download)

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        names = ("train_X", "train_y", "unlabeled_X", "test_X", "test_y")
        return Recipe(
            spec=_spec("stl10", 96, None if self.unlabeled else 10),
            files=tuple(f"stl10_binary/{name}.bin" for name in names),
            read=partial(_read_stl10, unlabeled=self.unlabeled),
            fetch=_fetch_stl10,
        )


def _cifar_recipe(name: str, num_classes: int, files: tuple[str, ...]) -> Recipe:
    return Recipe(
        spec=_spec(name, 32, num_classes),
        files=files,
        read=partial(_read_cifar, name=name),
        fetch=partial(_fetch_cifar, name=name),
    )


def _spec(name: str, side: int, num_classes: int | None) -> DataSpec:
    return DataSpec(
        name,
        (3, side, side),
        "unit_interval",
        levels=256,
        num_classes=num_classes,
        class_names=CLASS_NAMES.get(name, ()) if num_classes else (),
    )


def _examples(x: np.ndarray, labels: np.ndarray | list[int] | None) -> TensorExamples:
    y = None if labels is None else torch.as_tensor(np.asarray(labels), dtype=torch.int64)
    return TensorExamples(torch.from_numpy(np.ascontiguousarray(x)), y)


def _cifar(name: str) -> Callable[..., Any]:
    from torchvision import datasets

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]


def _read_cifar(root: Path, *, name: str) -> Splits:
    train, test = (_cifar(name)(root, train=part) for part in (True, False))
    return Splits(
        train=_examples(train.data.transpose(0, 3, 1, 2), train.targets),
        test=_examples(test.data.transpose(0, 3, 1, 2), test.targets),
    )


def _fetch_cifar(root: Path, *, name: str) -> None:
    _cifar(name)(root, download=True)


def _read_svhn(root: Path) -> Splits:
    from torchvision import datasets

    train, test = (datasets.SVHN(root, split) for split in ("train", "test"))
    return Splits(train=_examples(train.data, train.labels), test=_examples(test.data, test.labels))


def _read_stl10(root: Path, *, unlabeled: bool) -> Splits:
    from torchvision import datasets

    train = datasets.STL10(root, "train+unlabeled" if unlabeled else "train")
    test = datasets.STL10(root, "test")
    train_labels, test_labels = (None, None) if unlabeled else (train.labels, test.labels)
    return Splits(train=_examples(train.data, train_labels), test=_examples(test.data, test_labels))


def _fetch_svhn(root: Path) -> None:
    from torchvision import datasets

    for split in ("train", "test"):
        datasets.SVHN(root, split, download=True)


def _fetch_stl10(root: Path) -> None:
    from torchvision import datasets

    datasets.STL10(root, download=True)
