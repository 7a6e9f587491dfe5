"""A folder of the user's own pictures."""

__all__ = ["SUFFIXES", "Images", "list_pictures", "picture_size"]

from pathlib import Path
from typing import final

import torch

from vae.data.cache import CACHE, cache_key, cached_bytes
from vae.data.checks import check_choice, check_int
from vae.data.picture import ALPHAS, CHANNELS, RESIZES, PictureReader
from vae.data.source import Source, Splits, TensorExamples
from vae.data.spec import DataSpec

SUFFIXES = frozenset(
    ".png .jpg .jpeg .bmp .gif .webp .tif .tiff .ppm .pgm .pbm .pnm".split()  # noqa: SIM905
)


@final
class Images(Source):
    """Pictures in one folder, or in one folder per class, decoded once into a cache.

    Args:
        root: The folder. Pictures directly in it have no labels; otherwise each folder in it is a
            class, in alphabetical order. ``~`` is the home folder.
        image_size: Side, or ``(H, W)``, in pixels; ``None`` keeps the pictures as they are, and
            then all must have one size.
        resize: ``crop``, ``squash``, ``pad`` or ``none``; see `PictureReader`.
        mode: ``gray``, ``rgb`` or ``rgba``.
        alpha: ``refuse``, ``white``, ``black`` or ``drop`` transparency under gray and rgb.
        max_pixels: Pictures with more pixels are refused.
        cache: Folder for the decoded pictures.

    Raises:
        ValueError: If a setting is not allowed.
    """

    def __init__(
        self,
        root: str,
        *,
        image_size: int | tuple[int, int] | list[int] | None = 64,
        resize: str = "crop",
        mode: str = "rgb",
        alpha: str = "refuse",
        max_pixels: int = 80_000_000,
        cache: str = CACHE,
    ) -> None:
        if not root:
            raise ValueError("data=images needs data.root=<a folder of pictures>.")
        check_choice("data.resize", resize, RESIZES)
        check_choice("data.mode", mode, tuple(CHANNELS))
        check_choice("data.alpha", alpha, ALPHAS)
        check_int("data.max_pixels", max_pixels)
        size = None if resize == "none" else picture_size(image_size)
        self.root = Path(root).expanduser().absolute()
        self.cache = cache
        self.reader = PictureReader(mode, size, resize, alpha, max_pixels)

    @property
    def spec(self) -> DataSpec:
        """Shape from the settings, or from the first picture's header if sizes are kept.

        Raises:
            FileNotFoundError: If the folder does not exist or holds no pictures.
        """
        files, labels = list_pictures(self.root)
        height, width = self.reader.size or self.reader.measure(files[0])
        return DataSpec(
            name=self.root.name,
            shape=(CHANNELS[self.reader.mode], height, width),
            support="unit_interval",
            levels=256,
            num_classes=None if labels is None else max(labels) + 1,
        )

    def prepare(self) -> None:
        """Decode the pictures into the cache."""
        self.load()

    def load(self) -> Splits:
        """Map the cache, after making it if it is missing or out of date.

        Raises:
            ValueError: Naming the file, if a picture cannot be used.
        """
        files, labels = list_pictures(self.root)
        if self.reader.size is None:
            self._check_sizes(files)
        key = cache_key(files, self.reader)
        x = cached_bytes(self.cache, key, files, self.spec.shape, self.reader.read)
        return Splits(TensorExamples(x, None if labels is None else torch.tensor(labels)))

    def _check_sizes(self, files: list[Path]) -> None:
        first = self.reader.measure(files[0])
        for file in files[1:]:
            size = self.reader.measure(file)
            if size != first:
                raise ValueError(
                    f"{files[0]} is {first[0]}×{first[1]} pixels (H×W) but {file} is "
                    f"{size[0]}×{size[1]}: set data.image_size=64 with data.resize=crop, squash "
                    "or pad."
                )


def picture_size(size: int | tuple[int, int] | list[int] | None) -> tuple[int, int] | None:
    """Return height and width of a setting, ``None`` for pictures as they are.

    Raises:
        ValueError: If it is neither a side nor two.
    """
    if size is None:
        return None
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if isinstance(size, str) or len(pair) != 2:
        raise ValueError(f"data.image_size must be a side, [height,width] or null; got {size!r}.")
    for side in pair:
        check_int("data.image_size", side)
    return pair


def list_pictures(root: Path) -> tuple[list[Path], list[int] | None]:
    """Return the picture files under ``root`` in a fixed order, and their classes if there are any.

    Raises:
        FileNotFoundError: If ``root`` is not a folder, or no pictures are in it.
        ValueError: If pictures lie both in the folder itself and in folders within it.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: set data.root to your pictures.")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    flat = sorted(p for p in root.iterdir() if _is_picture(p))
    groups = [sorted(p for p in folder.rglob("*") if _is_picture(p)) for folder in folders]
    groups = [group for group in groups if group]
    if flat and groups:
        raise ValueError(
            f"{root} holds pictures ({flat[0].name}) and folders with pictures "
            f"({groups[0][0].parent.name}): use either a flat folder or one folder per class."
        )
    if not flat and not groups:
        raise FileNotFoundError(
            f"No pictures in {root}: they must end in one of {' '.join(sorted(SUFFIXES))}."
        )
    if flat:
        return flat, None
    return [p for g in groups for p in g], [i for i, g in enumerate(groups) for _ in g]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
