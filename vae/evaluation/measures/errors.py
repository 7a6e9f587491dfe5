"""Errors pooled over values of which examples have unequally many."""

__all__ = ["crps", "pooled", "root_mean_squared"]

import torch
from torch import Tensor

from vae.evaluation.section import Figure


def pooled(name: str, values: Tensor, counts: Tensor, *, root: bool = False) -> Figure:
    r"""Return the mean over all values that count, with its standard error over examples.

    The error is that of the ratio of two means, by the delta method.

    Args:
        name: Of the figure.
        values: ``(B, ...)``.
        counts: Which of them count, bool ``(B, ...)``.
        root: Whether the root of the mean is meant.

    Example:
        >>> values = torch.tensor([[1.0, 9.0], [3.0, 3.0]])
        >>> pooled("error", values, values < 5).value
        2.3333333333333335
    """
    sums = torch.where(counts, values.double(), 0.0).flatten(1).sum(1)
    sizes = counts.flatten(1).sum(1).double()
    mean = sums.sum() / sizes.sum()
    value, error = mean.sqrt() if root else mean, None
    if len(sums) > 1 and mean > 0:
        spread = (sums - mean * sizes).std() / len(sums) ** 0.5 / sizes.mean()
        error = (spread / (2 * value) if root else spread).item()
    return Figure(name, value.item(), "", error)


def root_mean_squared(name: str, guess: Tensor, x: Tensor, counts: Tensor) -> Figure:
    """Return the root mean squared error of a guess at the values that count; see `pooled`."""
    return pooled(name, (guess - x).double() ** 2, counts, root=True)


def crps(draws: Tensor, x: Tensor) -> Tensor:
    r"""Return the continuous ranked probability score of draws for each value, 0 at best.

    :math:`E|X - x| - \frac12 E|X - X'|`, without bias for any number of draws: in the units of x,
    the absolute error of a forecast that is sure.

    Args:
        draws: ``(S, *shape)``, S of at least 2.
        x: What came, ``(*shape)``.

    References:
        Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting, Raftery, 2007).

    Example:
        >>> crps(torch.tensor([0.0, 2.0]), torch.tensor(1.0))
        tensor(0.)
    """
    count = len(draws)
    ranks = 2 * torch.arange(1, count + 1, device=draws.device, dtype=draws.dtype) - count - 1
    order = draws.sort(0).values
    spread = (ranks.reshape(-1, *(1,) * x.dim()) * order).sum(0) * 2 / (count * (count - 1))
    return (draws - x).abs().mean(0) - spread / 2
