"""Different bounds for the generative model and for the posterior."""

__all__ = ["PIWAE"]

import torch
from torch import Tensor

from vae.objectives.chains import along_paths
from vae.objectives.estimators import Estimator, slope
from vae.objectives.iwae import log_mean_exp
from vae.objectives.log_weight_bound import LogWeightBound, refuse_shared
from vae.objectives.miwae import check_groups, mean_of_groups
from vae.objectives.objective import START, Progress
from vae.trace import Trace


class PIWAE(LogWeightBound):
    """The IWAE bound of all M·K samples for p(x, z), and MIWAE of M groups of K for q(z|x).

    A tighter bound is better for the model and worse for the posterior, whose gradient drowns in
    noise. The value is the IWAE bound, negative.

    Args:
        num_groups: M, at least 1.
        group_size: K, at least 1.
        estimator: How the posterior's gradient reaches it: pathwise, the default, or DReG.

    References:
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), 1802.04537.
    """

    name = "piwae"

    def __init__(
        self, *, num_groups: int = 8, group_size: int = 8, estimator: Estimator | None = None
    ) -> None:
        super().__init__(check_groups(num_groups, group_size), estimator)
        self.num_groups = num_groups

    def value(self, log_w: Tensor) -> Tensor:
        """Return the bounds, ``(*lead, B)``, of log-weights ``(*lead, M·K, B)``."""
        return log_mean_exp(log_w)

    def posterior_value(self, log_w: Tensor) -> Tensor:
        """Return the posterior's bounds, ``(*lead, B)``, of log-weights ``(*lead, M·K, B)``."""
        return mean_of_groups(log_w, self.num_groups)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the one term."""
        refuse_shared(trace)
        trace = self.estimator.taken(trace)
        log_q = self.estimator.log_q(trace)
        log_w = (trace.log_joint - log_q).detach()
        bound = self.value(log_w).mean()
        if torch.is_grad_enabled():
            model = slope(self.value, log_w)
            posterior = self.estimator.weights(self.posterior_value, log_w, trace)
            surrogate = (model * trace.log_joint - posterior * log_q).sum(0).mean()
            # The model's weights also went along z; there the posterior's take their place.
            surrogate = surrogate + along_paths(
                posterior - model, trace.log_joint, trace, lambda again: again.log_joint
            )
            bound = bound + (surrogate - surrogate.detach())
        return {self.name: -bound}
