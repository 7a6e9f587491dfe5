"""The Bernoulli likelihood of binary values."""

__all__ = ["Bernoulli", "LogitBernoulli"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints
from torch.nn.functional import logsigmoid

from vae.distributions.head import Likelihood
from vae.distributions.likelihoods.stacking import independent


class Bernoulli(Likelihood):
    """Independent binary values: ``log p(x|z) = Σ x_d log σ(l_d) + (1 - x_d) log σ(-l_d)``.

    Only logits l are taken: probabilities near 0 and 1 lose their logarithm. Grey values are no
    draws from it; binarise them, or use `ContinuousBernoulli` or a likelihood on a grid.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.

    Example:
        >>> Bernoulli((2,))(torch.zeros(1, 2)).log_prob(torch.ones(1, 2))
        tensor([-1.3863])
    """

    support = constraints.boolean
    levels = 2

    def __init__(self, event_shape: Sequence[int]) -> None:
        super().__init__(event_shape, event_shape)

    def forward(self, params: Tensor) -> Independent:
        """Map logits ``(*lead, *event_shape)`` to a distribution of batch ``lead``."""
        return independent(LogitBernoulli(params), self.event_shape)


class LogitBernoulli(torch.distributions.Bernoulli):
    """torch's Bernoulli of logits with a log-density in three passes over the data, not five.

    Args:
        logits: Log-odds l of a one, any shape.
    """

    def __init__(self, logits: Tensor) -> None:
        # Without the detour of torch's constructor, which broadcasts the logits with nothing.
        self.logits = self._param = logits
        Distribution.__init__(self, logits.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ``log σ(l) - (1 - x) l``, of the broadcast shape of `value` and the logits."""
        return torch.addcmul(logsigmoid(self.logits), value - 1, self.logits)
