"""Codes whose scores are known."""

import numpy as np

SIZES = (3, 4, 6)


def grid(sizes=SIZES, repeats=1):
    """Return every combination of the factors, ``(N, F)``."""
    cells = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    return np.tile(cells, (repeats, 1))


def factors(n, sizes=SIZES, seed=0):
    """Return random factors, ``(N, F)``."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


def scaled(v):
    """Return factors of mean 0 and deviation 1."""
    return (v - v.mean(0)) / v.std(0)


def rotated(v, dims=None, seed=0):
    """Return the scaled factors, with noise codes added up to ``dims``, under a random rotation."""
    rng = np.random.default_rng(seed)
    z = scaled(v)
    z = np.concatenate([z, rng.normal(size=(len(v), (dims or z.shape[1]) - z.shape[1]))], axis=1)
    return z @ np.linalg.qr(rng.normal(size=(z.shape[1],) * 2))[0]


def turned_evenly(v):
    """Return four scaled factors under the rotation that mixes all of them equally."""
    signs = np.array([[1, 1], [1, -1]])
    return scaled(v) @ np.kron(signs, signs) / 2


def noise(n, dims=3, seed=1):
    return np.random.default_rng(seed).normal(size=(n, dims))


def mixed(n, sizes=SIZES, dims=5, seed=0, decimals=None):
    """Return codes that mix the factors a little, with noise, and the factors."""
    rng = np.random.default_rng(seed)
    v = factors(n, sizes, seed)
    weights = np.eye(len(sizes), dims) + 0.4 * np.random.default_rng(5).normal(
        size=(len(sizes), dims)
    )
    z = np.tanh(scaled(v) @ weights) + 0.2 * rng.normal(size=(n, dims))
    return (z if decimals is None else z.round(decimals)), v
