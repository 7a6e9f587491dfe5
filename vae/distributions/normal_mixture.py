"""A mixture of diagonal normal distributions, and draws of it from each component in turn."""

__all__ = ["ByComponent", "NormalMixture", "log_normals"]

import math

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class NormalMixture(Distribution):
    r"""The mixture :math:`q(z) = \sum_m w_m N(z; μ_m, \mathrm{diag}\,σ_m²)`.

    No gradient goes through its draws, since the choice of a component has none; see
    `by_component`.

    Args:
        logits: Unnormalised log w, ``(M,)``.
        loc: μ, ``(M, D)``.
        log_scale: log σ, ``(M, D)``.
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, logits: Tensor, loc: Tensor, log_scale: Tensor) -> None:
        self.logits, self.loc, self.log_scale = logits, loc, log_scale
        super().__init__(Size(), loc.shape[1:], validate_args=False)

    @property
    def weights(self) -> Tensor:
        """w, ``(M,)``."""
        return self.logits.softmax(0)

    @property
    def mean(self) -> Tensor:
        """Its mean, ``(D,)``."""
        return self.weights @ self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of ``(*lead, D)``, ``(*lead,)``."""
        log_w = self.logits.log_softmax(0)
        return (log_w + log_normals(value, self.loc, self.log_scale).sum(-1)).logsumexp(-1)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, D)``."""
        with torch.no_grad():
            count = Size(sample_shape).numel()
            chosen = torch.multinomial(self.weights, count, replacement=True)
            noise = torch.randn_like(self.loc[chosen])
            draws = self.loc[chosen] + self.log_scale[chosen].exp() * noise
        return draws.view(*sample_shape, *self.event_shape)

    def by_component(self, count: int) -> "tuple[ByComponent, Tensor]":
        """Return draws of each component in turn, and M times the weights of these, ``(count,)``.

        The mean over them of f, so weighted, has the expectation E_q[f], and its derivative by all
        parameters that of E_q[f].

        Raises:
            ValueError: If the count is not a multiple of M.
        """
        num = len(self.logits)
        if count % num:
            raise ValueError(f"draws of {num} components each in turn are no {count}")
        return ByComponent(self, count), (num * self.weights).repeat(count // num)


class ByComponent(Distribution):
    """Draws of a mixture of which number b is from component b mod M, with the mixture's density.

    Args:
        mixture: Any.
        count: How many are drawn together, the batch.
    """

    has_rsample = True
    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, mixture: NormalMixture, count: int) -> None:
        self.mixture = mixture
        super().__init__(Size((count,)), mixture.event_shape, validate_args=False)

    def detach(self) -> "ByComponent":
        """Return the same of parameters without gradients."""
        q = self.mixture
        held = NormalMixture(q.logits.detach(), q.loc.detach(), q.log_scale.detach())
        return ByComponent(held, *self.batch_shape)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, count, D)``."""
        q, (count,) = self.mixture, self.batch_shape
        noise = q.loc.new_empty((*sample_shape, count, *self.event_shape)).normal_()
        repeats = count // len(q.logits)
        return torch.addcmul(q.loc.repeat(repeats, 1), noise, q.log_scale.exp().repeat(repeats, 1))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the mixture's log-density of ``(*lead, count, D)``."""
        return self.mixture.log_prob(value)


def log_normals(value: Tensor, loc: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log-densities of ``(*lead, D)`` by component and dimension, ``(*lead, M, D)``."""
    z = (value.unsqueeze(-2) - loc) * (-log_scale).exp()
    return -0.5 * z.square() - log_scale - _HALF_LOG_2PI
