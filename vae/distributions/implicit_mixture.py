"""A mixture of normals for every example, whose draws have gradients, and as a posterior."""

__all__ = ["ImplicitMixture", "MixturePosterior"]

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

from vae.checks import check_int
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.distributions.normal_mixture import log_normals


class ImplicitMixture(Distribution):
    r"""The mixture :math:`q(z) = \sum_m w_m N(z; μ_m, \mathrm{diag}\,σ_m²)`, reparameterized.

    A draw solves :math:`F_d(z_d | z_{<d}; φ) = u_d` for each dimension in turn, with
    :math:`F_d = \sum_m w_m(z_{<d}) Φ((z_d - μ_{md})/σ_{md})` and u uniform; its derivative by all
    parameters φ, the weights among them, is that of this solution at fixed u,
    :math:`dz_d = -dF_d / q(z_d | z_{<d})`. It is unbiased. Its variance grows without bound as
    components part, as weights learn from the rare draws in between: for E[z] and two components 4,
    6 and 8 σ apart the derivative by a logit is 1, 1.5 and 2, and its deviation 1, 4 and 19.

    Args:
        logits: Unnormalised log w, ``(*batch, M)``.
        loc: μ, ``(*batch, M, D)``.
        log_scale: log σ, ``(*batch, M, D)``.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
        Stochastic Backpropagation through Mixture Density Distributions (Graves, 2016), 1607.05690.

    Example:
        >>> q = ImplicitMixture(torch.zeros(4, 2), torch.zeros(4, 2, 3), torch.zeros(4, 2, 3))
        >>> q.rsample((5,)).shape
        torch.Size([5, 4, 3])
    """

    has_rsample = True
    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(self, logits: Tensor, loc: Tensor, log_scale: Tensor) -> None:
        self.logits, self.loc, self.log_scale = logits, loc, log_scale
        super().__init__(logits.shape[:-1], loc.shape[-1:], validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "ImplicitMixture":
        """Return the same distribution with another, broadcast batch shape."""
        wide = (*batch_shape, *self.loc.shape[-2:])
        logits = self.logits.expand(wide[:-1])
        return ImplicitMixture(logits, self.loc.expand(wide), self.log_scale.expand(wide))

    def detach(self) -> "ImplicitMixture":
        """Return the same of parameters without gradients."""
        return ImplicitMixture(self.logits.detach(), self.loc.detach(), self.log_scale.detach())

    @property
    def weights(self) -> Tensor:
        """w, ``(*batch, M, 1)``."""
        return self.logits.softmax(-1).unsqueeze(-1)

    @property
    def mean(self) -> Tensor:
        """Its mean, ``(*batch, D)``."""
        return (self.weights * self.loc).sum(-2)

    @property
    def variance(self) -> Tensor:
        """The variance of each dimension, ``(*batch, D)``."""
        squares = (2 * self.log_scale).exp() + (self.loc - self.mean.unsqueeze(-2)).square()
        return (self.weights * squares).sum(-2)

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance, ``(*batch, D, D)``."""
        apart = self.weights.sqrt() * (self.loc - self.mean.unsqueeze(-2))
        within = (self.weights * (2 * self.log_scale).exp()).sum(-2)
        return apart.mT @ apart + within.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of ``(*lead, *batch, D)``, ``(*lead, *batch)``."""
        each = log_normals(value, self.loc, self.log_scale).sum(-1)
        return (self.logits.log_softmax(-1) + each).logsumexp(-1)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``, without gradients."""
        shape = self._extended_shape(torch.Size(sample_shape))
        lead, num = shape[:-1], self.logits.shape[-1]
        wide = (*lead, *self.loc.shape[-2:])
        with torch.no_grad():
            gumbel = -self.logits.new_empty((*lead, num)).exponential_().log()
            chosen = (self.logits + gumbel).argmax(-1)[..., None, None]
            chosen = chosen.expand(*lead, 1, shape[-1])
            loc = self.loc.expand(wide).gather(-2, chosen).squeeze(-2)
            log_scale = self.log_scale.expand(wide).gather(-2, chosen).squeeze(-2)
            return torch.addcmul(loc, log_scale.exp(), torch.empty_like(loc).normal_())

    def by_component(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Draw from each component in turn, so that no choice of one stands in the way.

        Returns:
            Draws ``(num_samples M, *batch, D)``, and what each counts, w over their number,
            ``(num_samples M, *batch)``: the sum of f, so weighted, has the expectation E_q[f] and
            its derivative by all parameters.
        """
        loc, log_scale = self.loc.movedim(-2, 0), self.log_scale.movedim(-2, 0)
        noise = loc.new_empty((num_samples, *loc.shape)).normal_()
        counts = (self.logits.softmax(-1) / num_samples).movedim(-1, 0)
        repeats = (num_samples, *[1] * (counts.dim() - 1))
        return torch.addcmul(loc, noise, log_scale.exp()).flatten(0, 1), counts.repeat(repeats)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``."""
        z = self.sample(sample_shape)
        if not torch.is_grad_enabled():
            return z
        log_w, drawn = self.logits.log_softmax(-1), []
        for value, loc, log_scale in zip(
            z.unsqueeze(-1).unbind(-2), self.loc.unbind(-1), self.log_scale.unbind(-1), strict=True
        ):
            below = torch.special.ndtr((value - loc) * (-log_scale).exp())
            cdf = (log_w.exp() * below).sum(-1)
            terms = log_normals(value, loc.unsqueeze(-1), log_scale.unsqueeze(-1)).squeeze(-1)
            density = (log_w + terms).logsumexp(-1).exp().detach()
            tiny = torch.finfo(density.dtype).tiny
            # The value of the draw, with the derivative of the solution.
            step = (cdf - cdf.detach()) / density.clamp_min(tiny)
            drawn.append(value.squeeze(-1) - step)
            moved = log_normals(drawn[-1].unsqueeze(-1), loc.unsqueeze(-1), log_scale.unsqueeze(-1))
            log_w = (log_w + moved.squeeze(-1)).log_softmax(-1)
        return torch.stack(drawn, -1)


class MixturePosterior(Head):
    r"""A mixture of M diagonal Gaussians, all of x: :math:`q(z|x) = \sum_m w_m N(z; μ_m, σ_m²)`.

    The net gives log w, the μ and the log σ of all components, M(1 + 2D) numbers; log σ is softly
    bounded to [−7, 5]. To these means are added fixed ones, drawn from N(0, I) at the start:
    components that start alike would learn alike.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        components: Number of components M, at least 1.

    Raises:
        ValueError: If a number is out of range.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.real_vector
    offsets: Tensor

    def __init__(self, latent_dim: int, *, components: int = 5) -> None:
        check_latent_dim(latent_dim)
        check_int("components", components)
        super().__init__((latent_dim,), (components * (1 + 2 * latent_dim),))
        self.components = components
        self.register_buffer("offsets", torch.randn(components, latent_dim))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, M(1 + 2D))`` to a distribution over ``(D,)``."""
        num, dim = self.components, self.event_shape[0]
        logits, loc, log_scale = params.split([num, num * dim, num * dim], -1)
        loc, log_scale = (part.unflatten(-1, (num, dim)) for part in (loc, log_scale))
        return ImplicitMixture(logits, loc + self.offsets, soft_bound(log_scale, *LOG_SCALE_BOUNDS))
