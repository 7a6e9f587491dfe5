"""The variational Rényi bound."""

__all__ = ["Renyi"]

from math import isfinite

from torch import Tensor

from vae.objectives.estimators import Estimator, average
from vae.objectives.iwae import log_mean_exp
from vae.objectives.log_weight_bound import LogWeightBound
from vae.objectives.schedule import Schedule


class Renyi(LogWeightBound):
    r"""The negative Rényi bound, :math:`-\frac{1}{1-α} \log \frac1K \sum_k w_k^{1-α}`.

    α = 0 is the IWAE bound and α = 1 the ELBO; below 0 it estimates an upper bound, from below.

    Args:
        alpha: α, any finite number.
        num_samples: Number of samples K, at least 1, or a schedule.
        estimator: How the gradient reaches the posterior; pathwise by default.

    References:
        Rényi Divergence Variational Inference (Li, Turner, 2016), 1602.02311.
    """

    name = "renyi"

    def __init__(
        self,
        alpha: float = 0.5,
        *,
        num_samples: int | Schedule = 50,
        estimator: Estimator | None = None,
    ) -> None:
        super().__init__(num_samples, estimator)
        if not isfinite(alpha):
            raise ValueError(f"alpha must be a finite number; got {alpha}")
        self.alpha = alpha

    def value(self, log_w: Tensor) -> Tensor:
        """Return the bounds, ``(*lead, B)``, of log-weights ``(*lead, K, B)``."""
        if self.alpha == 1:
            return average(log_w)
        return log_mean_exp((1 - self.alpha) * log_w) / (1 - self.alpha)
