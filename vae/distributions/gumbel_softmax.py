"""The Gumbel-softmax, a continuous relaxation of the categorical distribution."""

__all__ = ["GumbelSoftmax"]

from math import lgamma, log

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size


class GumbelSoftmax(Distribution):
    r"""A density on the simplex that tends to a one-hot categorical as the temperature falls.

    With :math:`g_i` standard Gumbel, :math:`z = \mathrm{softmax}((\log\pi + g) / \tau)`, so that
    :math:`p(z) = (C-1)!\, τ^{C-1} \prod_i π_i z_i^{-τ-1} / (\sum_i π_i z_i^{-τ})^C`.

    Unlike `torch.distributions.RelaxedOneHotCategorical`, draws stay inside the open simplex in
    floating point, so that the log-density of a draw is finite.

    Args:
        temperature: τ > 0.
        logits: Unnormalised log π, ``(*batch, C)``.

    References:
        Categorical Reparameterization with Gumbel-Softmax (Jang, Gu, Poole, 2016), 1611.01144.
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.

    Example:
        >>> q = GumbelSoftmax(0.5, torch.zeros(3, 4))
        >>> q.rsample((2,)).shape
        torch.Size([2, 3, 4])
    """

    has_rsample = True
    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012  (torch's own interface)
    support = constraints.simplex

    def __init__(self, temperature: float, logits: Tensor) -> None:
        self.temperature = temperature
        self.logits = logits
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, C)``."""
        tiny = torch.finfo(self.logits.dtype).tiny
        shape = self._extended_shape(Size(sample_shape))
        noise = self.logits.new_empty(shape).exponential_().clamp_min(tiny)
        return ((self.logits - noise.log()) / self.temperature).softmax(-1).clamp_min(tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of points inside the simplex, ``(*, *batch)``."""
        t, num_categories = self.temperature, self.logits.shape[-1]
        log_z = value.log()
        score = self.logits - t * log_z
        scaled = (score - log_z).sum(-1) - num_categories * score.logsumexp(-1)
        return scaled + lgamma(num_categories) + (num_categories - 1) * log(t)
