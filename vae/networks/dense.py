"""Chains of affine maps, which the dense nets are and the convolutional nets hold."""

__all__ = ["dense"]

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def dense(sizes: Sequence[int], activation: nn.Module, *, widening: int = 1) -> nn.Sequential:
    """Chain affine maps from each size to the next, with the activation between them.

    Args:
        sizes: Features at the input, at each hidden layer and at the output.
        activation: Stateless; the one instance stands behind every hidden layer.
        widening: How many features the activation takes for each one it returns, 2 if it gates.
    """
    *inner, last = pairwise(sizes)
    layers: list[nn.Module] = []
    for fan_in, fan_out in inner:
        layers += [nn.Linear(fan_in, widening * fan_out), activation]
    return nn.Sequential(*layers, nn.Linear(*last))
