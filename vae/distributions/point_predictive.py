"""What is predicted of every point of a function, by a mixture over draws of a latent."""

__all__ = ["PointPredictive"]

from math import log
from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent


@final
class PointPredictive:
    r"""The mixture :math:`\frac1K \sum_k p(y_m | z_k)` at every point m, and of all points at once.

    Args:
        px: p(y|z), batch shape ``(K, B)``, event shape ``(C, *places)``, or ``(M,)`` of one value a
            place, which factorises over values.

    Raises:
        ValueError: If it does not.

    Example:
        >>> from torch.distributions import Normal
        >>> px = Independent(Normal(torch.zeros(2, 3, 1, 5), 1.0), 2)
        >>> PointPredictive(px).log_prob(torch.zeros(3, 1, 5)).shape
        torch.Size([3, 5])
    """

    def __init__(self, px: Distribution) -> None:
        if not isinstance(px, Independent) or px.base_dist.event_shape:
            raise ValueError(
                "points are predicted by a likelihood that factorises over values; got "
                f"{type(px).__name__}: use likelihood=normal_pixelwise, bernoulli or another such"
            )
        self.px = px
        self.num_samples = px.batch_shape[0]

    @property
    def mean(self) -> Tensor:
        """The mean, ``(B, C, *places)``."""
        return self.px.mean.mean(0)

    @property
    def stddev(self) -> Tensor:
        """The deviation, ``(B, C, *places)``, of noise and of what is not known of z."""
        spread = self.px.mean.var(0, correction=0)
        return (self.px.variance.mean(0) + spread).sqrt()

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the log-density of each point by itself, nats, ``(B, *places)``.

        Args:
            y: Values, ``(B, C, *places)``.
        """
        each = self.px.base_dist.log_prob(y)
        if len(self.px.event_shape) > 1:
            each = each.sum(2)
        return each.logsumexp(0) - log(self.num_samples)

    def joint_log_prob(self, y: Tensor) -> Tensor:
        """Return the log-density of all points of a function together, nats, ``(B,)``."""
        return self.px.log_prob(y).logsumexp(0) - log(self.num_samples)

    def sample(self) -> Tensor:
        """Draw one function for each, all of its points under one z, ``(B, C, *places)``."""
        drawn = self.px.sample()
        chosen = torch.randint(self.num_samples, (drawn.shape[1],), device=drawn.device)
        return drawn[chosen, torch.arange(drawn.shape[1], device=drawn.device)]
