"""The Gumbel-softmax, a continuous relaxation of the categorical distribution."""

__all__ = ["GumbelSoftmax", "LogGumbelSoftmax"]

from math import lgamma, log
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size


class LogGumbelSoftmax(Distribution):
    r"""The density of the logarithm of a `GumbelSoftmax` draw, at which it is exact.

    With :math:`g_i` standard Gumbel, :math:`y = \log\mathrm{softmax}((\log\pi + g) / \tau)` and
    :math:`p(y) = (C-1)!\, τ^{C-1} \prod_i π_i e^{-τ y_i} / (\sum_i π_i e^{-τ y_i})^C`.

    At a low temperature most coordinates of a point of the simplex are smaller than any floating-
    point number, and their logarithms, on which every density depends, are not. A ratio of two
    densities is the same in both spaces.

    Args:
        temperature: τ > 0.
        logits: Unnormalised log π, ``(*batch, C)``.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712, appendix C.3.

    Example:
        >>> q = LogGumbelSoftmax(0.01, torch.zeros(3, 4))
        >>> q.log_prob(q.rsample((2,))).shape
        torch.Size([2, 3])
    """

    has_rsample = True
    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, temperature: float, logits: Tensor) -> None:
        self.temperature = temperature
        self.logits = logits
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogGumbelSoftmax":
        """Return the same distribution with another, broadcast batch shape."""
        return LogGumbelSoftmax(self.temperature, self.logits.expand(*batch_shape, -1))

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, C)``."""
        shape = self._extended_shape(Size(sample_shape))
        noise = self.logits.new_empty(shape).exponential_()
        noise = noise.clamp_min(torch.finfo(noise.dtype).tiny)  # which may round to 0
        return ((self.logits - noise.log()) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of logarithms of points of the simplex, ``(*, *batch)``."""
        t, num_categories = self.temperature, self.logits.shape[-1]
        score = self.logits - t * value
        scaled = score.sum(-1) - num_categories * score.logsumexp(-1)
        return scaled + lgamma(num_categories) + (num_categories - 1) * log(t)


class GumbelSoftmax(Distribution):
    r"""A density on the simplex that tends to a one-hot categorical as the temperature falls.

    With :math:`g_i` standard Gumbel, :math:`z = \mathrm{softmax}((\log\pi + g) / \tau)`, so that
    :math:`p(z) = (C-1)!\, τ^{C-1} \prod_i π_i z_i^{-τ-1} / (\sum_i π_i z_i^{-τ})^C`.

    Args:
        temperature: τ > 0.
        logits: Unnormalised log π, ``(*batch, C)``.

    Attributes:
        logarithm: The density of log z. That of z has no value where a coordinate is too small for
            a floating-point number, as in most draws at a temperature below 0.1.

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
        self.logarithm = LogGumbelSoftmax(temperature, logits)
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "GumbelSoftmax":
        """Return the same distribution with another, broadcast batch shape."""
        return GumbelSoftmax(self.temperature, self.logits.expand(*batch_shape, -1))

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, C)``."""
        return self.logarithm.rsample(sample_shape).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of points inside the simplex, ``(*, *batch)``; NaN where one is 0."""
        log_z = value.log()
        return self.logarithm.log_prob(log_z) - log_z.sum(-1)
