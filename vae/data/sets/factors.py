"""Data sets with ground-truth factors, as published: dSprites, 3D Shapes, smallNORB and others."""

__all__ = ["SETS", "FactorSet"]

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
import torch
from PIL import Image
from rich.progress import track

from vae.checks import check_choice
from vae.data.formats.cache import CACHE, cache_key, cached_blocks
from vae.data.formats.headers import array_blocks, load_array, read_headers
from vae.data.sets.matrices import hdf5_array, hdf5_blocks, matlab_array, norb_matrix
from vae.data.sets.standard import Recipe, StandardSet
from vae.data.source import Splits, TensorExamples
from vae.spec import DataSpec

SIDE = 64
NORB_PARTS = ("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing")
MPI3D = {
    "object_color": 6,
    "object_shape": 6,
    "object_size": 2,
    "camera_height": 3,
    "background_color": 3,
    "horizontal_axis": 40,
    "vertical_axis": 40,
}


class Layout(NamedTuple):
    """How one set is stored.

    Attributes:
        sizes: How many values each factor takes, by name.
        files: What must lie under the root.
        pictures: From the files and the sizes to all pictures, in parts ``(n, C, 64, 64)`` uint8.
        factors: From the files and the sizes to ``(N, F)`` integers; ``None`` if the pictures
            stand in row-major order of the factors.
        label: The factor that serves as label, if one does.
        channels: C.
        binary: Whether pixels are 0 or 1.
        needs: A package that reads the files.
    """

    sizes: Mapping[str, int]
    files: tuple[str, ...]
    pictures: Callable[[Sequence[Path], Sequence[int]], Iterable[np.ndarray]]
    factors: Callable[[Sequence[Path], Sequence[int]], np.ndarray] | None = None
    label: str | None = None
    channels: int = 3
    binary: bool = False
    needs: str | None = None


@final
class FactorSet(StandardSet):
    """A data set of 64×64 pictures, one for each combination of its factors, kept in a cache.

    The files are never downloaded. Pictures of another size are shrunk (Lanczos). The pictures are
    unpacked once into ``cache``, from where they are memory-mapped: 3.0 GB for dsprites, 5.9 GB
    for shapes3d, 12.7 GB for each mpi3d. There is no test set of its own: of smallnorb the two
    published parts, which differ in instances alone, are taken together.

    Args:
        name: One of `SETS`.
        root: The folder that holds the files, each in a folder of its set; ``~`` is the home.
        cache: Folder for the unpacked pictures.

    Raises:
        ValueError: If there is no such set.

    References:
        dSprites: Disentanglement testing sprites dataset (Matthey, Higgins, Hassabis, Lerchner,
        2017). 3D Shapes Dataset (Burgess, Kim, 2018). Learning Methods for Generic Object
        Recognition with Invariance to Pose and Lighting (LeCun, Huang, Bottou, 2004). Deep Visual
        Analogy-Making (Reed, Zhang, Zhang, Lee, 2015). On the Transfer of Inductive Bias from
        Simulation to the Real World (Gondal et al., 2019), 1906.03292.
    """

    def __init__(self, name: str, root: str = "data", *, cache: str = CACHE) -> None:
        check_choice("data.name", name, tuple(SETS))
        self.name = name
        self.cache = cache
        super().__init__(root)

    def make_recipe(self) -> Recipe:
        """Say how this set is found and read."""
        layout = SETS[self.name]
        return Recipe(
            spec=DataSpec(
                self.name,
                (layout.channels, SIDE, SIDE),
                "boolean" if layout.binary else "unit_interval",
                levels=2 if layout.binary else 256,
                num_classes=None if layout.label is None else layout.sizes[layout.label],
                factor_names=tuple(layout.sizes),
                factor_sizes=tuple(layout.sizes.values()),
            ),
            files=layout.files,
            read=partial(_read, name=self.name, layout=layout, cache=self.cache),
            fetch=None,
            has_test=False,
            needs=layout.needs,
        )


def _read(root: Path, *, name: str, layout: Layout, cache: str) -> Splits:
    files = [path for pattern in layout.files for path in sorted(root.glob(pattern))]
    sizes = tuple(layout.sizes.values())
    count = prod(sizes)
    if layout.factors is None:
        factors = np.stack(np.unravel_index(np.arange(count), sizes), 1)
    else:
        factors = layout.factors(files, sizes)
        _check_factors(factors, layout.sizes)
    kept = cached_blocks(
        cache,
        cache_key(files, name, SIDE),
        (count, layout.channels, SIDE, SIDE),
        lambda: track(layout.pictures(files, sizes), f"Unpacking {name}", transient=True),
    )
    columns = torch.from_numpy(factors.astype(np.int64))
    label = None if layout.label is None else columns[:, list(layout.sizes).index(layout.label)]
    return Splits(TensorExamples(kept.x, label, columns, file=kept.file))


def _check_factors(factors: np.ndarray, sizes: Mapping[str, int]) -> None:
    """Refuse factors that are not each combination once."""
    limits = tuple(sizes.values())
    if factors.shape != (prod(limits), len(limits)):
        raise ValueError(f"factors have shape {factors.shape} where {sizes} were expected")
    if (factors < 0).any() or (factors >= limits).any():
        raise ValueError(f"a factor lies outside its range, {sizes}")
    if len(np.unique(np.ravel_multi_index(tuple(factors.T), limits))) != len(factors):
        raise ValueError("a combination of factors occurs twice")


def _dsprites(files: Sequence[Path], sizes: Sequence[int]) -> Iterator[np.ndarray]:
    for block in array_blocks(files[0], "imgs", (SIDE, SIDE)):
        if block.max() > 1:
            raise ValueError("imgs holds values beyond 0 and 1")
        yield block


def _dsprites_factors(files: Sequence[Path], sizes: Sequence[int]) -> np.ndarray:
    # Not the member "metadata", which is a pickle. The first column, colour, never varies.
    headers = read_headers(files[0])
    if "latents_classes" not in headers or headers["latents_classes"].dtype.kind not in "iu":
        raise ValueError("there is no array latents_classes of integers")
    return load_array(files[0], "latents_classes")[:, 1:]


def _shapes3d(files: Sequence[Path], sizes: Sequence[int]) -> Iterator[np.ndarray]:
    for block in hdf5_blocks(files[0], "images", (prod(sizes), SIDE, SIDE, 3)):
        yield block.transpose(0, 3, 1, 2)


def _shapes3d_factors(files: Sequence[Path], sizes: Sequence[int]) -> np.ndarray:
    # The labels are real values, such as angles: a factor is their rank.
    labels = hdf5_array(files[0], "labels", (prod(sizes), len(sizes)))
    return np.stack([np.unique(column, return_inverse=True)[1] for column in labels.T], 1)


def _mpi3d(files: Sequence[Path], sizes: Sequence[int]) -> Iterator[np.ndarray]:
    for block in array_blocks(files[0], "images", (SIDE, SIDE, 3)):
        yield block.transpose(0, 3, 1, 2)


def _cars3d(files: Sequence[Path], sizes: Sequence[int]) -> Iterator[np.ndarray]:
    cars, azimuths, elevations = sizes
    if len(files) != cars:
        raise ValueError(f"there are {len(files)} .mat files where {cars} were expected")
    for file in files:
        mesh = matlab_array(file, "im", (128, 128, 3, azimuths, elevations))
        pictures = mesh.transpose(3, 4, 0, 1, 2).reshape(-1, 128, 128, 3)
        yield np.stack([_shrunk(picture).transpose(2, 0, 1) for picture in pictures])


def _smallnorb(files: Sequence[Path], sizes: Sequence[int]) -> Iterator[np.ndarray]:
    for file in files[::3]:
        pictures = norb_matrix(file)
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (2, 96, 96):
            raise ValueError(f"{file.name} holds {pictures.dtype} {pictures.shape}")
        for pair in pictures:  # of two cameras, of which the first is taken, as is usual
            yield _shrunk(pair[0])[None, None]


def _smallnorb_factors(files: Sequence[Path], sizes: Sequence[int]) -> np.ndarray:
    parts = []
    for category, info in zip(files[1::3], files[2::3], strict=True):
        labels, others = norb_matrix(category), norb_matrix(info)
        if labels.shape != others.shape[:1] or others.shape[1:] != (4,):
            raise ValueError(f"{info.name} has shape {others.shape}, the labels {labels.shape}")
        instance, elevation, azimuth, lighting = others.T
        # Azimuths are stored as 0, 2, …, 34.
        parts.append(np.stack([labels, instance, elevation, azimuth // 2, lighting], 1))
    return np.concatenate(parts)


def _shrunk(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


SETS: dict[str, Layout] = {
    "dsprites": Layout(
        {"shape": 3, "scale": 6, "orientation": 40, "posX": 32, "posY": 32},
        ("dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",),
        _dsprites,
        _dsprites_factors,
        label="shape",
        channels=1,
        binary=True,
    ),
    "shapes3d": Layout(
        {
            "floor_hue": 10,
            "wall_hue": 10,
            "object_hue": 10,
            "scale": 8,
            "shape": 4,
            "orientation": 15,
        },
        ("3dshapes/3dshapes.h5",),
        _shapes3d,
        _shapes3d_factors,
        label="shape",
        needs="h5py",
    ),
    "smallnorb": Layout(
        {"category": 5, "instance": 10, "elevation": 9, "azimuth": 18, "lighting": 6},
        tuple(
            f"smallnorb/smallnorb-{p}-{k}.mat" for p in NORB_PARTS for k in ("dat", "cat", "info")
        ),
        _smallnorb,
        _smallnorb_factors,
        label="category",
        channels=1,
    ),
    "cars3d": Layout(
        {"car": 183, "azimuth": 24, "elevation": 4},
        ("cars/*.mat",),
        _cars3d,
        needs="scipy",
    ),
    **{
        f"mpi3d_{kind}": Layout(
            MPI3D, (f"mpi3d_{kind}/mpi3d_{kind}.npz",), _mpi3d, label="object_shape"
        )
        for kind in ("toy", "realistic", "real")
    },
}
