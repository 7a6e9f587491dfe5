"""The importance-weighted bound."""

__all__ = ["IWAE"]

from math import log

from torch import Tensor

from vae.objectives.objective import Objective
from vae.trace import Trace


class IWAE(Objective):
    r"""The negative importance-weighted bound, :math:`-\log \frac1K \sum_k p(x, z_k) / q(z_k|x)`.

    The bound itself is returned, so that its value can be compared between runs; its gradient
    is the pathwise one.

    Args:
        num_samples: Number of samples K, at least 1; 1 is the ELBO.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """

    def __init__(self, *, num_samples: int = 50) -> None:
        super().__init__(num_samples)

    def forward(self, trace: Trace) -> dict[str, Tensor]:
        """Return the term ``iwae``."""
        bound = trace.log_weight.logsumexp(0) - log(len(trace.log_weight))
        return {"iwae": -bound.mean()}
