"""The importance-weighted bound."""

__all__ = ["IWAE", "log_mean_exp"]

from math import log

from torch import Tensor

from vae.objectives.estimators import Estimator
from vae.objectives.log_weight_bound import LogWeightBound
from vae.objectives.schedule import Schedule


def log_mean_exp(log_w: Tensor) -> Tensor:
    """Return the logarithm of the mean weight over samples, ``(*lead, K, B)`` to ``(*lead, B)``."""
    return log_w.logsumexp(-2) - log(log_w.shape[-2])


class IWAE(LogWeightBound):
    r"""The negative importance-weighted bound, :math:`-\log \frac1K \sum_k w_k`.

    Args:
        num_samples: Number of samples K, at least 1, or a schedule; 1 is the ELBO.
        estimator: How the gradient reaches the posterior; pathwise by default.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """

    name = "iwae"

    def __init__(
        self, *, num_samples: int | Schedule = 50, estimator: Estimator | None = None
    ) -> None:
        super().__init__(num_samples, estimator)

    def value(self, log_w: Tensor) -> Tensor:
        """Return the bounds, ``(*lead, B)``, of log-weights ``(*lead, K, B)``."""
        return log_mean_exp(log_w)
