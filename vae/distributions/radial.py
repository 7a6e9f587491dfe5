"""The radial flow, as a posterior."""

__all__ = ["RadialPosterior", "RadialStep"]

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.checks import check_int
from vae.distributions.amortized_flow import FlowStep, amortized_flow
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.distributions.monotone_root import bounded_product


class RadialStep(FlowStep):
    r"""The map :math:`f(z) = z + \frac{β}{α + r} (z - c)` with :math:`r = |z - c|`.

    β = α · m with m > −1: f is invertible, by a quadratic equation for r.

    Args:
        c: The centre, ``(*batch, D)``.
        log_alpha: log α, ``(*batch, 1)``.
        raw: An unbounded number of which m is a function, 0 at 0; ``(*batch, 1)``.
    """

    def __init__(self, c: Tensor, log_alpha: Tensor, raw: Tensor) -> None:
        super().__init__(c, log_alpha, raw)
        self.c, self.alpha, self.ratio = c, log_alpha.exp(), bounded_product(raw)

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f(x) and the log-determinant of its Jacobian."""
        apart = x - self.c
        share = self.alpha / (self.alpha + torch.linalg.vector_norm(apart, dim=-1, keepdim=True))
        across, along = self.ratio * share, self.ratio * share.square()
        ladj = (x.shape[-1] - 1) * torch.log1p(across) + torch.log1p(along)
        return x + across * apart, ladj.squeeze(-1)

    def inverse(self, y: Tensor) -> Tensor:
        """Return the point x with f(x) = y."""
        apart = y - self.c
        image = torch.linalg.vector_norm(apart, dim=-1, keepdim=True)
        # r² + (α + β − r') r − α r' = 0, in the form that cancels least.
        half = 0.5 * (image - self.alpha * (1 + self.ratio))
        root = (half.square() + self.alpha * image).sqrt()
        inside = half < 0
        below = torch.where(inside, root - half, 1.0)
        r = torch.where(inside, self.alpha * image / below, half + root)
        return self.c + apart / (1 + self.ratio * self.alpha / (self.alpha + r))


class RadialPosterior(Head):
    r"""A diagonal Gaussian carried through T radial flows, all of x.

    :math:`z_t = z_{t-1} + \frac{β_t(x)}{α_t(x) + |z_{t-1} - c_t(x)|} (z_{t-1} - c_t(x))`: mass
    is drawn to a centre, or pushed away from it. The net gives μ, log σ and c, log α and β of each
    flow, 2D + T(D + 2) numbers; log α is softly bounded to [−7, 5].

    Args:
        latent_dim: Number of latent variables D, at least 1.
        num_flows: Number of flows T, at least 1.

    Raises:
        ValueError: If a number is out of range.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015), 1505.05770.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, num_flows: int = 4) -> None:
        check_latent_dim(latent_dim)
        check_int("num_flows", num_flows)
        super().__init__((latent_dim,), (2 * latent_dim + num_flows * (latent_dim + 2),))
        self.num_flows = num_flows

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D + T(D + 2))`` to a distribution over ``(D,)``."""
        return amortized_flow(params, self.event_shape[0], self.num_flows, self.step)

    def step(self, params: Tensor) -> RadialStep:
        """Return the flow of ``(*lead, D + 2)``."""
        c, log_alpha, raw = params.split([self.event_shape[0], 1, 1], -1)
        return RadialStep(c, soft_bound(log_alpha, *LOG_SCALE_BOUNDS), raw)
