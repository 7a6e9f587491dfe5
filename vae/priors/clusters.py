"""Clusters of points: where the components of a mixture start."""

__all__ = ["Clusters", "find_clusters"]

from typing import NamedTuple

import torch
from torch import Tensor

ROUNDS = 25


class Clusters(NamedTuple):
    """Clusters of points.

    Attributes:
        share: Of the points in each, with one more in every cluster, ``(M,)``.
        mean: ``(M, D)``.
        variance: Of each dimension, ``(M, D)``, with one more point in every cluster that has the
            variance within all of them, of N − M degrees of freedom.
    """

    share: Tensor
    mean: Tensor
    variance: Tensor


@torch.no_grad()
def find_clusters(points: Tensor, num: int) -> Clusters:
    """Find clusters by k-means, from starts that are drawn far from each other.

    Args:
        points: ``(N, D)``.
        num: M, at least 1 and below N.

    Raises:
        ValueError: If there are as many clusters as points: none would have a width.

    References:
        Least Squares Quantization in PCM (Lloyd, 1982).
        k-means++: The Advantages of Careful Seeding (Arthur, Vassilvitskii, 2007).
    """
    if num >= len(points):
        raise ValueError(
            f"a mixture of {num:,} components starts at more codes than the {len(points):,} that "
            "there are: use a smaller prior.num_components"
        )
    mean = far_apart(points, num)
    for _ in range(ROUNDS):
        nearest = torch.cdist(points, mean).argmin(1)
        count = torch.bincount(nearest, minlength=num).to(points).unsqueeze(1)
        total = torch.zeros_like(mean).index_add_(0, nearest, points)
        mean = torch.where(count > 0, total / count.clamp_min(1), mean)
    squares = (points - mean[nearest]).square()
    of_all = squares.sum(0) / (len(points) - num)
    within = torch.zeros_like(mean).index_add_(0, nearest, squares) + of_all
    share = (count + 1) / (count + 1).sum()
    return Clusters(share.squeeze(1), mean, within / count.clamp_min(1))


def far_apart(points: Tensor, num: int) -> Tensor:
    """Draw points, ``(M, D)``, each with a probability that is its squared distance to the others.

    Where all distances are zero, any is drawn.
    """
    chosen = [points[torch.randint(len(points), (1,))]]
    distance = torch.full_like(points[:, 0], torch.inf)
    for _ in range(num - 1):
        distance = distance.minimum((points - chosen[-1]).square().sum(1))
        odds = distance if distance.any() else torch.ones_like(distance)
        chosen.append(points[odds.multinomial(1)])
    return torch.cat(chosen)
