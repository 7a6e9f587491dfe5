"""Data sets that come as picture files: Omniglot and CelebA, decoded once into a cache."""

__all__ = ["CelebA", "Omniglot"]

from functools import partial
from pathlib import Path
from typing import final
from zipfile import ZipFile

import numpy as np
import torch
from PIL import Image

from vae.data.cache import CACHE, cache_key, cached_bytes
from vae.data.checks import check_int
from vae.data.picture import load_picture
from vae.data.source import Splits, TensorExamples
from vae.data.spec import DataSpec
from vae.data.standard import Recipe, StandardSet

OMNIGLOT_PARTS = ("images_background", "images_evaluation")
CELEBA_LISTS = (
    "list_attr_celeba.txt",
    "identity_CelebA.txt",
    "list_bbox_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "list_eval_partition.txt",
)


@final
class Omniglot(StandardSet):
    """Handwritten characters, light on dark, in ``root/omniglot-py``.

    The authors' parts: 964 characters, 19,280 pictures, to train, and 659 others, 13,180 pictures,
    to test; labels count through both. (Burda et al. 2015 split differently.)

    Args:
        root: The folder that holds ``omniglot-py``.
        image_size: Side in pixels, 105 in the files; strokes become grey when pictures shrink.
        cache: Folder for the decoded pictures.
        download: Whether missing files may be downloaded.

    Raises:
        ValueError: If ``image_size`` is below 1.
    """

    def __init__(
        self,
        root: str = "data",
        *,
        image_size: int = 28,
        cache: str = CACHE,
        download: bool = True,
    ) -> None:
        check_int("data.image_size", image_size)
        self.side = image_size
        self.cache = cache
        super().__init__(root, download=download)

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        shape = (1, self.side, self.side)
        return Recipe(
            spec=DataSpec("omniglot", shape, "unit_interval", levels=256, num_classes=1623),
            files=tuple(f"omniglot-py/{p}{end}" for p in OMNIGLOT_PARTS for end in (".zip", "")),
            read=partial(_read_omniglot, side=self.side, cache=self.cache),
            fetch=_fetch_omniglot,
        )


def _read_omniglot(root: Path, *, side: int, cache: str) -> Splits:
    from torchvision import datasets

    parts, first_label = [], 0
    for background in (True, False):
        part = datasets.Omniglot(root, background=background)
        folder = Path(part.target_folder)
        files = [folder / part._characters[c] / name for name, c in part._flat_character_images]
        labels = torch.tensor([c for _, c in part._flat_character_images]) + first_label
        first_label += len(part._characters)
        key = cache_key(files, "omniglot", side)
        decode = partial(_light_on_dark, side=side)
        parts.append(
            TensorExamples(cached_bytes(cache, key, files, (1, side, side), decode), labels)
        )
    return Splits(train=parts[0], test=parts[1])


def _light_on_dark(path: Path, *, side: int) -> np.ndarray:
    grey = load_picture(path).convert("L").resize((side, side), Image.Resampling.BOX)
    return 255 - np.asarray(grey)[None]


def _fetch_omniglot(root: Path) -> None:
    from torchvision import datasets

    for background, part in zip((True, False), OMNIGLOT_PARTS, strict=True):
        folder = root / "omniglot-py"
        if (folder / f"{part}.zip").exists() and not (folder / part).exists():
            # torchvision does not unpack an archive that was placed by hand.
            with ZipFile(folder / f"{part}.zip") as archive:
                archive.extractall(folder)
        datasets.Omniglot(root, background=background, download=True)


@final
class CelebA(StandardSet):
    """Faces of celebrities, 162,770 to train, 19,867 to validate and 19,962 to test.

    The middle 148×148 pixels are cut out and shrunk, as is usual. The files are never downloaded:
    their server refuses programs more often than not.

    Args:
        root: The folder that holds ``celeba/img_align_celeba`` and five ``.txt`` files beside it.
        image_size: Side in pixels.
        cache: Folder for the decoded pictures.

    Raises:
        ValueError: If ``image_size`` is below 1.
    """

    def __init__(self, root: str = "data", *, image_size: int = 64, cache: str = CACHE) -> None:
        check_int("data.image_size", image_size)
        self.side = image_size
        self.cache = cache
        super().__init__(root)

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        return Recipe(
            spec=DataSpec("celeba", (3, self.side, self.side), "unit_interval", levels=256),
            files=tuple(f"celeba/{name}" for name in ("img_align_celeba", *CELEBA_LISTS)),
            read=partial(_read_celeba, side=self.side, cache=self.cache),
            fetch=None,
            has_val=True,
        )


def _read_celeba(root: Path, *, side: int, cache: str) -> Splits:
    from torchvision import datasets

    parts = []
    for split in ("train", "valid", "test"):
        names = datasets.CelebA(str(root), split=split).filename
        files = [root / "celeba" / "img_align_celeba" / name for name in names]
        key = cache_key(files, "celeba", side)
        decode = partial(_middle, side=side)
        parts.append(TensorExamples(cached_bytes(cache, key, files, (3, side, side), decode)))
    train, val, test = parts
    return Splits(train, val, test)


def _middle(path: Path, *, side: int) -> np.ndarray:
    image = load_picture(path).convert("RGB")
    left, top = (image.width - 148) // 2, (image.height - 148) // 2
    middle = (left, top, left + 148, top + 148)
    face = image.resize((side, side), Image.Resampling.BICUBIC, middle)
    return np.asarray(face).transpose(2, 0, 1)
