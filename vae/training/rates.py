"""The learning rate that goes with the number of examples in a step."""

__all__ = ["rate_factor"]

from math import sqrt

import torch
from torch.optim import Optimizer


def rate_factor(kind: type[Optimizer], batch: int, reference: int) -> float:
    """Return by how much a rate that suits `reference` examples per step is to be multiplied.

    A step of SGD is the gradient's size, so that k times the examples stand for k steps: the factor
    is B/B₀. Adam and its kind divide by the gradient's deviation, which falls with √B: the factor
    is √(B/B₀). Both hold while the noise in the gradient dominates, below the critical batch size.

    Args:
        kind: Class of the optimizer.
        batch: Examples per optimizer step of all processes, B.
        reference: Examples per step that the rate was found for, B₀.

    References:
        Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour (Goyal et al., 2017), 1706.02677.
        On the SDEs and Scaling Rules for Adaptive Gradient Algorithms (Malladi, Lyu, Panigrahi,
        Arora, 2022), 2205.10287.

    Example:
        >>> rate_factor(torch.optim.SGD, 512, 128), rate_factor(torch.optim.AdamW, 512, 128)
        (4.0, 2.0)
    """
    ratio = batch / reference
    return ratio if issubclass(kind, torch.optim.SGD) else sqrt(ratio)
