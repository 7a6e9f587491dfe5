"""Points in many dimensions laid out in two: PCA, t-SNE, UMAP."""

__all__ = ["PROJECTIONS", "check_method", "explained_variance", "pca", "tsne", "umap"]

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad


def pca(points: Tensor, seed: int = 0) -> Tensor:
    """Return the first two principal components of points ``(N, D)``, ``(N, 2)``.

    The sign is that which makes the largest weight of each component positive. The second
    component is zero if N or D is 1.

    Args:
        points: ``(N, D)``.
        seed: Not used; for the signature that all projections share.

    References:
        On lines and planes of closest fit to systems of points in space (Pearson, 1901).
    """
    centred = points.double() - points.double().mean(0)
    weights = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    largest = weights.gather(1, weights.abs().argmax(1, keepdim=True))
    xy = centred @ (weights * largest.sign()).T
    return pad(xy, (0, 2 - xy.shape[1]))


def explained_variance(points: Tensor) -> Tensor | None:
    """Return the part of the variance that each principal component of points ``(N, D)`` holds.

    Returns:
        ``(min(N, D),)``, falling; ``None`` if the points are all equal.
    """
    variances = torch.linalg.svdvals(points.double() - points.double().mean(0)).square()
    total = variances.sum()
    return variances / total if total > 0 else None


def tsne(points: Tensor, seed: int = 0) -> Tensor:
    """Lay out points ``(N, D)`` by t-SNE, ``(N, 2)``: perplexity 30, or N/4 of few points.

    References:
        Visualizing Data using t-SNE (van der Maaten, Hinton, 2008).
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, len(points) / 4)
    layout = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    return torch.from_numpy(layout.fit_transform(points.numpy()))


def umap(points: Tensor, seed: int = 0) -> Tensor:
    """Lay out points ``(N, D)`` by UMAP, ``(N, 2)``: 15 neighbours, or N/2 of few points.

    References:
        UMAP: Uniform Manifold Approximation and Projection (McInnes, Healy, Melville, 2018),
        1802.03426.
    """
    with warnings.catch_warnings():  # of a TensorFlow that it does without, and of numba
        warnings.simplefilter("ignore")
        from umap import UMAP

        # A seed and several threads exclude each other; the spectral start fails on few points.
        neighbors = min(15, len(points) // 2)
        layout = UMAP(n_neighbors=neighbors, init="pca", random_state=seed, n_jobs=1)
        return torch.from_numpy(layout.fit_transform(points.numpy()))


class Projection(NamedTuple):
    """A way to lay points out, and what it needs."""

    name: str
    project: Callable[[Tensor, int], Tensor]
    package: str = "torch"
    install: str = ""


PROJECTIONS = {
    "pca": Projection("PCA", pca),
    "tsne": Projection("t-SNE", tsne),
    "umap": Projection("UMAP", umap, "umap", "pip install umap-learn"),
}


def check_method(method: str) -> None:
    """Refuse a projection that does not exist or whose package is not installed."""
    if method not in PROJECTIONS:
        raise ValueError(f"method must be one of {', '.join(PROJECTIONS)}; got {method!r}")
    chosen = PROJECTIONS[method]
    if find_spec(chosen.package) is None:
        raise ValueError(f"method={method} needs a package that is not installed: {chosen.install}")
