"""A small net trained on the data, whose features stand in where Inception's weights are not."""

__all__ = ["StandIn", "train_stand_in"]

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 64
SIDE = 64  # pixels: larger pictures are shrunk
BATCH = 64
MIRRORED = (2, 2)  # across or not, down or not


class StandIn(nn.Module):
    """Two strided convolutions and a linear layer; the features have mean 0 and variance 1 over
    the training pictures.

    Args:
        channels: Of the pictures.
        num_outputs: Of the linear head that is used in training only.
    """

    def __init__(self, channels: int, num_outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 32, 7, stride=4, padding=3),
            nn.SiLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(64 * 16, FEATURES),
            nn.BatchNorm1d(FEATURES, affine=False),
        )
        self.head = nn.Linear(FEATURES, num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(N, 64)`` of pictures ``(N, C, H, W)`` in [0, 1]."""
        features: Tensor = self.features(shrink(x))
        return features


def shrink(x: Tensor) -> Tensor:
    """Return pictures ``(N, C, H, W)`` with at most 64 pixels a side."""
    size = [min(side, SIDE) for side in x.shape[-2:]]
    return x if list(x.shape[-2:]) == size else F.interpolate(x, size, mode="area")


def train_stand_in(
    x: Tensor,
    targets: Tensor | None,
    sizes: tuple[int, ...],
    *,
    steps: int,
    seed: int,
    track: Callable[[Iterable[Any], str, int], Iterable[Any]] = lambda items, what, total: items,
) -> StandIn:
    """Train a net to tell what is known of the pictures, or else which way they were mirrored.

    A net that removes noise would be no judge of quality: it learns to overlook noise and blur.

    Args:
        x: Pictures ``(N, C, H, W)`` in [0, 1], on the CPU.
        targets: Labels and factors ``(N, T)`` int64; ``None``: the picture is mirrored in neither,
            one or both directions, and the net tells which.
        sizes: How many values each target takes.
        steps: Optimizer steps, of 64 random pictures each, at least 1.
        seed: Of everything random; the global random state is left as it was.
        track: Shows how far the steps are.

    References:
        Unsupervised Representation Learning by Predicting Image Rotations (Gidaris, Singh,
        Komodakis, 2018), 1803.07728.
    """
    x = shrink(x)
    sizes = MIRRORED if targets is None else sizes
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        net = StandIn(x.shape[1], sum(sizes)).to(x.dtype)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        for _ in track(range(steps), "feature net", steps):
            rows = torch.randint(len(x), (BATCH,))
            seen, answers = mirrored(x[rows]) if targets is None else (x[rows], targets[rows])
            loss = cross_entropy(net.head(net(seen)), answers, sizes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval().requires_grad_(False)


def mirrored(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror a quarter each in neither, one and both directions; return also which, ``(N, 2)``."""
    across, down = torch.arange(len(x)) % 2, torch.arange(len(x)) // 2 % 2
    x = torch.where(across.bool().view(-1, 1, 1, 1), x.flip(-1), x)
    return torch.where(down.bool().view(-1, 1, 1, 1), x.flip(-2), x), torch.stack([across, down], 1)


def cross_entropy(logits: Tensor, targets: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return the cross-entropy of every target ``(N, T)``, together."""
    columns = zip(logits.split(sizes, 1), targets.T, strict=True)
    return torch.stack([F.cross_entropy(part, column) for part, column in columns]).sum()
