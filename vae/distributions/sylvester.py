"""The Sylvester flow with Householder reflections, as a posterior."""

__all__ = ["SylvesterPosterior", "SylvesterStep"]

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.checks import check_int
from vae.distributions.amortized_flow import FlowStep, amortized_flow
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.monotone_root import LEAST_SLOPE, monotone_root


class SylvesterStep(FlowStep):
    r"""The map :math:`f(z) = z + Q R \tanh(\tilde R Q^T z + b)`.

    Q is a product of reflections; R and :math:`\tilde R` are upper triangular, with diagonals
    between −1 and 1, so that f is invertible, one equation for one number after another.

    Args:
        v: Normals of the H reflections, of any length above 0, ``(*batch, H, D)``.
        outer: R, ``(*batch, D, D)``.
        inner: R̃, ``(*batch, D, D)``.
        b: ``(*batch, D)``.
    """

    def __init__(self, v: Tensor, outer: Tensor, inner: Tensor, b: Tensor) -> None:
        super().__init__(v, outer, inner, b)
        self.mirrors = torch.nn.functional.normalize(v, dim=-1).unbind(-2)
        self.outer, self.inner, self.b = outer, inner, b
        self.r, self.s = (part.diagonal(dim1=-2, dim2=-1) for part in (outer, inner))

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f(x) and the log-determinant of its Jacobian."""
        y = reflected(x, self.mirrors[::-1])
        bent = (times(self.inner, y) + self.b).tanh()
        ladj = torch.log1p(self.r * self.s * (1 - bent.square())).sum(-1)
        return x + reflected(times(self.outer, bent), self.mirrors), ladj

    def inverse(self, y: Tensor) -> Tensor:
        """Return the point x with f(x) = y."""
        image = reflected(y, self.mirrors[::-1])
        shape = torch.broadcast_shapes(image.shape, self.b.shape)
        shift, left = self.b.expand(shape), image.expand(shape)
        found: list[Tensor] = []
        for i in reversed(range(shape[-1])):
            r, s, c, t = self.r[..., i], self.s[..., i], shift[..., i], left[..., i]
            root = monotone_root(r, s, c, t)
            found.insert(0, root)
            shift = shift + self.inner[..., i] * root.unsqueeze(-1)
            left = left - self.outer[..., i] * (s * root + c).tanh().unsqueeze(-1)
        return reflected(torch.stack(found, -1), self.mirrors)


def times(matrix: Tensor, x: Tensor) -> Tensor:
    """Return the product of matrices ``(*batch, D, D)`` and vectors ``(*lead, *batch, D)``."""
    return (matrix @ x.unsqueeze(-1)).squeeze(-1)


def reflected(x: Tensor, mirrors: Iterable[Tensor]) -> Tensor:
    """Return a vector reflected in hyperplanes, given by their unit normals, the last one first."""
    for v in reversed(tuple(mirrors)):
        x = x - 2 * v * (v * x).sum(-1, keepdim=True)
    return x


class SylvesterPosterior(Head):
    r"""A diagonal Gaussian carried through T Sylvester flows, all of x.

    :math:`z_t = z_{t-1} + Q R \tanh(\tilde R Q^T z_{t-1} + b)` with Q, R, :math:`\tilde R` and b of
    each flow functions of x: a planar flow with D hidden units for one. The net gives μ, log σ,
    and D(H + D + 2) numbers of each flow. Draws come with their density; that of another point, as
    of sticking the landing and the VampPrior, takes T·D searches for a root, one after another:
    posterior=planar takes T.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        num_flows: Number of flows T, at least 1.
        reflections: Number of Householder reflections H of which Q is the product, at least 1.

    Raises:
        ValueError: If a number is out of range.

    References:
        Sylvester Normalizing Flows for Variational Inference (van den Berg, Hasenclever, Tomczak,
        Welling, 2018), 1803.05649.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, num_flows: int = 4, reflections: int = 4) -> None:
        check_latent_dim(latent_dim)
        check_int("num_flows", num_flows)
        check_int("reflections", reflections)
        each = latent_dim * (reflections + latent_dim + 2)
        super().__init__((latent_dim,), (2 * latent_dim + num_flows * each,))
        self.num_flows, self.reflections = num_flows, reflections

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D + T·D(H + D + 2))`` to a distribution over ``(D,)``."""
        return amortized_flow(params, self.event_shape[0], self.num_flows, self.step)

    def step(self, params: Tensor) -> SylvesterStep:
        """Return the flow of ``(*lead, D(H + D + 2))``."""
        dim, num = self.event_shape[0], self.reflections
        v, square, s, b = params.split([num * dim, dim * dim, dim, dim], -1)
        # Around unit vectors, since a normal of length 0 is none.
        axes = torch.eye(dim, dtype=v.dtype, device=v.device)[torch.arange(num) % dim]
        square = square.unflatten(-1, (dim, dim))
        # The square holds R and, below its diagonal, the rest of R̃ transposed.
        outer = square.triu(1) + bounded(square.diagonal(dim1=-2, dim2=-1)).diag_embed()
        inner = square.mT.triu(1) + bounded(s).diag_embed()
        return SylvesterStep(v.unflatten(-1, (num, dim)) + axes, outer, inner, b)


def bounded(raw: Tensor) -> Tensor:
    """Return an unbounded number's image between −1 and 1, a little inside."""
    return raw.tanh() * (1 - LEAST_SLOPE)
