"""The mean of several importance-weighted bounds."""

__all__ = ["MIWAE", "check_groups", "mean_of_groups"]

from torch import Tensor

from vae.objectives.estimators import Estimator
from vae.objectives.iwae import log_mean_exp
from vae.objectives.log_weight_bound import LogWeightBound


def mean_of_groups(log_w: Tensor, num_groups: int) -> Tensor:
    """Return the mean over M groups of samples of their importance-weighted bounds.

    Args:
        log_w: ``(*lead, M·K, B)``.
        num_groups: M.

    Returns:
        ``(*lead, B)``.
    """
    return log_mean_exp(log_w.unflatten(-2, (num_groups, -1))).mean(-2)


def check_groups(num_groups: int, group_size: int) -> int:
    """Return the number of samples in all groups.

    Raises:
        ValueError: If a number is below 1.
    """
    if num_groups < 1 or group_size < 1:
        raise ValueError(
            f"num_groups and group_size must be at least 1; got {num_groups} and {group_size}"
        )
    return num_groups * group_size


class MIWAE(LogWeightBound):
    r"""The negative mean of M bounds of K samples, :math:`-\frac1M\sum_m \log\frac1K\sum_k w_{mk}`.

    M = 1 is the IWAE bound of K samples, K = 1 the ELBO of M.

    Args:
        num_groups: M, at least 1.
        group_size: K, samples within each logarithm, at least 1.
        estimator: How the gradient reaches the posterior; pathwise by default.

    References:
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), 1802.04537.
    """

    name = "miwae"

    def __init__(
        self, *, num_groups: int = 8, group_size: int = 8, estimator: Estimator | None = None
    ) -> None:
        super().__init__(check_groups(num_groups, group_size), estimator)
        self.num_groups = num_groups

    def value(self, log_w: Tensor) -> Tensor:
        """Return the bounds, ``(*lead, B)``, of log-weights ``(*lead, M·K, B)``."""
        return mean_of_groups(log_w, self.num_groups)
