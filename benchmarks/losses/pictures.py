"""Small procedural data in the place of files that are not there."""

__all__ = ["TRAIN", "VAL", "write_data"]

from pathlib import Path

import numpy as np

TRAIN, VAL = 416, 100  # 26 batches of 16 an epoch: 50 steps see the next order of the data


def write_data(folder: Path) -> None:
    """Write grey pictures as the files of MNIST and as an array, and vectors as an array."""
    rng = np.random.default_rng(0)
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", TRAIN + VAL), ("t10k", VAL)):
        pictures, labels = blots(rng, count), rng.integers(0, 10, count, dtype=np.uint8)
        for kind, values in (("images-idx3", pictures), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
            (raw / f"{part}-{kind}-ubyte").write_bytes(header + values.tobytes())
    np.save(folder / "pictures.npy", blots(rng, TRAIN + 2 * VAL)[:, None])
    values = rng.normal(size=(TRAIN + 2 * VAL, 4)) @ rng.normal(size=(4, 12))
    np.save(folder / "vectors.npy", (values * np.arange(1, 13) + 5).astype(np.float32))


def blots(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return soft ellipses of random place and form, ``(N, 28, 28)`` bytes."""
    y, x = np.mgrid[:28, :28]
    middle, width = rng.uniform(9, 19, (2, count, 1, 1)), rng.uniform(2, 7, (2, count, 1, 1))
    distance = ((y - middle[0]) / width[0]) ** 2 + ((x - middle[1]) / width[1]) ** 2
    return (255 / (1 + distance**3)).astype(np.uint8)
