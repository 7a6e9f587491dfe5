"""Data sets that come as picture files: Omniglot and CelebA, decoded once into a cache."""

__all__ = ["CelebA", "Omniglot"]

from functools import partial
from pathlib import Path
from typing import final
from zipfile import ZipFile

import numpy as np
import torch
from PIL import Image

from vae.checks import check_int
from vae.data.formats.cache import CACHE, cache_key, cached_bytes
from vae.data.formats.image_file import load_picture
from vae.data.sets.standard import Recipe, StandardSet
from vae.data.source import Splits, TensorExamples
from vae.spec import DataSpec

OMNIGLOT_PARTS = ("images_background", "images_evaluation")
CELEBA_PICTURES = "img_align_celeba"
CELEBA_PARTS = "list_eval_partition"  # .txt of the authors, .csv of Kaggle


@final
class Omniglot(StandardSet):
    """Handwritten characters, light on dark, in ``root/omniglot-py`` or the root itself.

    The authors' parts: 964 characters, 19,280 pictures, to train, and 659 others, 13,180 pictures,
    to test; labels count through both, in the order of the names. (Burda et al. 2015 split
    differently.) Unpacked folders are enough, as are the authors' archives.

    Args:
        root: The folder that holds ``omniglot-py``, or ``images_background`` and
            ``images_evaluation``.
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
        home = "" if (self.root / OMNIGLOT_PARTS[0]).is_dir() else "omniglot-py/"
        return Recipe(
            spec=DataSpec("omniglot", shape, "unit_interval", levels=256, num_classes=1623),
            files=tuple(f"{home}{part}" for part in OMNIGLOT_PARTS),
            read=partial(_read_omniglot, home=home, side=self.side, cache=self.cache),
            fetch=_fetch_omniglot,
        )


def _read_omniglot(root: Path, *, home: str, side: int, cache: str) -> Splits:
    parts, first_label = [], 0
    for part in OMNIGLOT_PARTS:
        # Sorted, since torchvision numbers characters in the order in which the disk lists them.
        files = sorted(_inner(root / f"{home}{part}").glob("[!.]*/[!.]*/[!.]*.png"))
        characters = sorted({file.parent for file in files})
        if not characters:
            raise ValueError(f"{home}{part} holds no <alphabet>/<character>/*.png")
        number = {character: first_label + i for i, character in enumerate(characters)}
        first_label += len(characters)
        key = cache_key(files, "omniglot", side)
        decode = partial(_light_on_dark, side=side)
        kept = cached_bytes(cache, key, files, (1, side, side), decode)
        labels = torch.tensor([number[file.parent] for file in files])
        parts.append(TensorExamples(kept.x, labels, file=kept.file))
    return Splits(train=parts[0], test=parts[1])


def _inner(folder: Path) -> Path:
    """Return the folder of its own name that some unpackers make within a folder."""
    inner = folder / folder.name
    return inner if inner.is_dir() else folder


def _light_on_dark(path: Path, *, side: int) -> np.ndarray:
    grey = load_picture(path).convert("L").resize((side, side), Image.Resampling.BOX)
    return 255 - np.asarray(grey)[None]


def _fetch_omniglot(root: Path) -> None:
    from torchvision import datasets

    folder = root / "omniglot-py"
    for background, part in zip((True, False), OMNIGLOT_PARTS, strict=True):
        if (folder / part).exists():
            continue
        if (folder / f"{part}.zip").exists():
            # torchvision does not unpack an archive that was placed by hand.
            with ZipFile(folder / f"{part}.zip") as archive:
                archive.extractall(folder)
        else:
            datasets.Omniglot(root, background=background, download=True)


@final
class CelebA(StandardSet):
    """Faces of celebrities, 162,770 to train, 19,867 to validate and 19,962 to test.

    The middle 148×148 pixels are cut out and shrunk, as is usual. The files are never downloaded:
    their server refuses programs more often than not.

    Args:
        root: The folder that holds ``img_align_celeba`` and ``list_eval_partition.txt`` of the
            authors or ``.csv`` of Kaggle, in a folder ``celeba`` or by themselves.
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
        home = "" if any(self.root.glob(f"{CELEBA_PARTS}.*")) else "celeba/"
        return Recipe(
            spec=DataSpec("celeba", (3, self.side, self.side), "unit_interval", levels=256),
            files=(f"{home}{CELEBA_PICTURES}", f"{home}{CELEBA_PARTS}.*"),
            read=partial(_read_celeba, home=home, side=self.side, cache=self.cache),
            fetch=None,
            has_val=True,
        )


def _read_celeba(root: Path, *, home: str, side: int, cache: str) -> Splits:
    folder = _inner(root / f"{home}{CELEBA_PICTURES}")
    parts: dict[str, list[Path]] = {"0": [], "1": [], "2": []}  # to train, validate and test
    for listed in sorted(root.glob(f"{home}{CELEBA_PARTS}.*"))[:1]:
        for line in listed.read_text(encoding="utf-8").splitlines():
            name, _, part = line.replace(",", " ").strip().rpartition(" ")
            if part in parts:
                parts[part].append(folder / Path(name.strip()).name)
            elif line.strip() and part != "partition":
                raise ValueError(f"{listed.name} holds {line[:80]!r}, no picture and 0, 1 or 2")
    decode, shape = partial(_middle, side=side), (3, side, side)
    keys = [cache_key(files, "celeba", side) for files in parts.values()]
    kept = [
        cached_bytes(cache, key, files, shape, decode)
        for key, files in zip(keys, parts.values(), strict=True)
    ]
    train, val, test = (TensorExamples(x, file=file) for x, file, _ in kept)
    return Splits(train, val, test)


def _middle(path: Path, *, side: int) -> np.ndarray:
    image = load_picture(path).convert("RGB")
    left, top = (image.width - 148) // 2, (image.height - 148) // 2
    middle = (left, top, left + 148, top + 148)
    face = image.resize((side, side), Image.Resampling.BICUBIC, middle)
    return np.asarray(face).transpose(2, 0, 1)
