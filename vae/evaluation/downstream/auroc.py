"""The area under the ROC curve of a score, with its standard error."""

__all__ = ["auroc", "share_below"]

import torch
from torch import Tensor


def auroc(negative: Tensor, positive: Tensor) -> tuple[float, float]:
    r"""Return how often a positive example scores above a negative one, and its standard error.

    :math:`A = P(s_+ > s_-) + \frac12 P(s_+ = s_-)`, the Mann–Whitney statistic. The error is
    DeLong's: for each positive the share of negatives below it, and for each negative the share of
    positives above it, have variances that add up, each over its number.

    Args:
        negative: Scores, ``(N,)``, at least 2.
        positive: Scores, ``(M,)``, at least 2.

    Raises:
        ValueError: If a set has fewer than two scores, or one that is not a number.

    References:
        Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves
        (DeLong, DeLong, Clarke-Pearson, 1988).
    """
    negative, positive = negative.double(), positive.double()
    if min(len(negative), len(positive)) < 2 or torch.cat([negative, positive]).isnan().any():
        raise ValueError(
            "an AUROC needs at least 2 scores of each kind, all of them numbers; got "
            f"{len(negative)} and {len(positive)}"
        )
    above = share_below(negative, positive)
    below = 1 - share_below(positive, negative)
    variance = above.var() / len(above) + below.var() / len(below)
    return above.mean().item(), variance.sqrt().item()


def share_below(values: Tensor, points: Tensor) -> Tensor:
    """Return for each point the share of values below it; equal ones count half."""
    ordered = values.sort().values
    left = torch.searchsorted(ordered, points)
    right = torch.searchsorted(ordered, points, right=True)
    return (left + right).double() / (2 * len(values))
