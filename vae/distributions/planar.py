"""The planar flow, as a posterior."""

__all__ = ["PlanarPosterior", "PlanarStep"]

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.checks import check_int
from vae.distributions.amortized_flow import FlowStep, amortized_flow
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.monotone_root import bounded_product, monotone_root


class PlanarStep(FlowStep):
    r"""The map :math:`f(z) = z + \hat u \tanh(w \cdot z + b)`.

    :math:`\hat u` is u, of which the part along w is changed so that :math:`w \cdot \hat u > -1`:
    f is invertible, by one equation for the number :math:`w \cdot z`.

    Args:
        w: ``(*batch, D)``.
        u: ``(*batch, D)``.
        b: ``(*batch, 1)``.
    """

    def __init__(self, w: Tensor, u: Tensor, b: Tensor) -> None:
        super().__init__(w, u, b)
        along = (w * u).sum(-1, keepdim=True)
        self.product = bounded_product(along)
        length = w.square().sum(-1, keepdim=True).clamp_min(1e-12)
        self.w, self.u, self.b = w, u + (self.product - along) / length * w, b

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f(x) and the log-determinant of its Jacobian."""
        bent = ((self.w * x).sum(-1, keepdim=True) + self.b).tanh()
        slope = self.product * (1 - bent.square())
        return x + self.u * bent, torch.log1p(slope).squeeze(-1)

    def inverse(self, y: Tensor) -> Tensor:
        """Return the point x with f(x) = y."""
        image = (self.w * y).sum(-1, keepdim=True)
        along = monotone_root(self.product, torch.ones_like(self.product), self.b, image)
        return y - self.u * (along + self.b).tanh()


class PlanarPosterior(Head):
    r"""A diagonal Gaussian carried through T planar flows, all of x.

    :math:`z_t = z_{t-1} + \hat u_t(x) \tanh(w_t(x) \cdot z_{t-1} + b_t(x))`. The net gives μ, log σ
    and w, u, b of each flow, 2D + T(2D + 1) numbers. Draws come with their density; that of another
    point, as of sticking the landing and the VampPrior, takes T searches for a root.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        num_flows: Number of flows T, at least 1.

    Raises:
        ValueError: If a number is out of range.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015), 1505.05770.
        Sylvester Normalizing Flows for Variational Inference (van den Berg, Hasenclever, Tomczak,
        Welling, 2018), 1803.05649, of which the parameters are functions of x.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, num_flows: int = 4) -> None:
        check_latent_dim(latent_dim)
        check_int("num_flows", num_flows)
        size = 2 * latent_dim + num_flows * (2 * latent_dim + 1)
        super().__init__((latent_dim,), (size,))
        self.num_flows = num_flows

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D + T(2D + 1))`` to a distribution over ``(D,)``."""
        return amortized_flow(params, self.event_shape[0], self.num_flows, self.step)

    def step(self, params: Tensor) -> PlanarStep:
        """Return the flow of ``(*lead, 2D + 1)``."""
        dim = self.event_shape[0]
        return PlanarStep(*params.split([dim, dim, 1], -1))
