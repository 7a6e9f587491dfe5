"""A combination of the ELBO and the importance-weighted bound."""

__all__ = ["CIWAE"]

from torch import Tensor

from vae.objectives.estimators import Estimator, average
from vae.objectives.iwae import log_mean_exp
from vae.objectives.log_weight_bound import LogWeightBound
from vae.objectives.schedule import Schedule


class CIWAE(LogWeightBound):
    r"""The negative combination :math:`-β\,\mathrm{ELBO} - (1 - β)\,\mathrm{IWAE}_K`.

    Args:
        beta: β in [0, 1]; 0 is the IWAE bound, 1 the ELBO.
        num_samples: Number of samples K, at least 1, or a schedule.
        estimator: How the gradient reaches the posterior; pathwise by default.

    References:
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), 1802.04537.
    """

    name = "ciwae"

    def __init__(
        self,
        beta: float = 0.05,
        *,
        num_samples: int | Schedule = 64,
        estimator: Estimator | None = None,
    ) -> None:
        super().__init__(num_samples, estimator)
        if not 0 <= beta <= 1:
            raise ValueError(f"beta must lie in [0, 1]; got {beta}")
        self.beta = beta

    def value(self, log_w: Tensor) -> Tensor:
        """Return the bounds, ``(*lead, B)``, of log-weights ``(*lead, K, B)``."""
        return self.beta * average(log_w) + (1 - self.beta) * log_mean_exp(log_w)
