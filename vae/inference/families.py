"""Families of q over R^D: called, each returns the distribution that its parameters stand for."""

__all__ = ["FAMILIES", "Family", "Flow", "FullRank", "LowRank", "MeanField", "Mixture"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import (
    AffineTransform,
    Distribution,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Transform,
)

from vae.checks import check_int
from vae.distributions.flow_posterior import ConditionalFlow
from vae.distributions.log_scale_normal import diagonal_normal
from vae.distributions.normal_mixture import NormalMixture
from vae.flows import zuko

START = 0.1  # σ before training, as Pyro and NumPyro have it
MOST_AUTOREGRESSIVE = 32  # dimensions: the density of a draw takes as many passes


class Family(nn.Module, ABC):
    """A family of distributions over vectors of D reals.

    Args:
        dim: D, at least 0.
        scale: σ of every dimension before training, above 0.

    Attributes:
        estimator: Of the gradient, where none is asked for.
    """

    estimator: str = "pathwise"

    def __init__(self, dim: int, *, scale: float = START) -> None:
        super().__init__()
        check_int("dim", dim, low=0)  # 0 where all latents are discrete
        if not 0 < scale < float("inf"):
            raise ValueError(f"scale must be a finite number above 0; got {scale}")
        self.dim = dim
        self.loc = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.full((dim,), scale).log())

    @abstractmethod
    def forward(self) -> Distribution:
        """Return q, of event shape ``(D,)``."""

    @torch.no_grad()
    def start_at(self, u: Tensor) -> None:
        """Move the centre to u, ``(D,)``."""
        self.loc.copy_(u)


class MeanField(Family):
    """The normal distribution of independent dimensions, u = μ + σ·ε.

    Example:
        >>> MeanField(3)().sample((5,)).shape
        torch.Size([5, 3])
    """

    def forward(self) -> Distribution:
        """Return q."""
        return diagonal_normal(self.loc, self.log_scale)


class FullRank(Family):
    r"""The normal distribution of any covariance, u = μ + L·ε.

    :math:`L = \mathrm{diag}(σ)(I + A)` with A strictly lower triangular, so that entries of A mean
    the same whatever the units of a dimension.
    """

    def __init__(self, dim: int, *, scale: float = START) -> None:
        super().__init__(dim, scale=scale)
        self.mixing = nn.Parameter(torch.zeros(dim, dim))

    def forward(self) -> Distribution:
        """Return q."""
        scale = self.log_scale.exp()
        tril = self.mixing.tril(-1) * scale[:, None] + scale.diag_embed()
        return MultivariateNormal(self.loc, scale_tril=tril, validate_args=False)


class LowRank(Family):
    """The normal distribution of covariance W Wᵀ + diag(σ²), with W of R columns.

    Args:
        dim: D, at least 1.
        rank: R, at least 1.
        scale: σ before training.

    References:
        Gaussian Variational Approximation with a Factor Covariance Structure (Ong, Nott, Smith,
        2017), 1701.03208.
    """

    def __init__(self, dim: int, *, rank: int = 5, scale: float = START) -> None:
        super().__init__(dim, scale=scale)
        check_int("rank", rank)
        self.factor = nn.Parameter(0.1 * torch.randn(dim, rank))

    def forward(self) -> Distribution:
        """Return q."""
        scale = self.log_scale.exp()
        return LowRankMultivariateNormal(
            self.loc, scale[:, None] * self.factor, scale.square(), validate_args=False
        )


class Flow(Family):
    """A normal distribution carried through a flow, u = μ + σ·f(ε).

    Args:
        dim: D, at least 1.
        flow: A flow of zuko over D features without context; ``None``: three affine autoregressive
            layers, up to 32 dimensions, four in coupling beyond; of one dimension, splines.
        scale: σ before training.

    Raises:
        ValueError: If the flow is none of zuko.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015), 1505.05770.
        Improving Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
        1606.04934.
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), 1906.04032.
        Advances in Black-Box VI: Normalizing Flows, Importance Weighting, and Optimization
        (Agrawal, Sheldon, Domke, 2020), 2006.10343.
    """

    def __init__(self, dim: int, *, flow: nn.Module | None = None, scale: float = START) -> None:
        super().__init__(dim, scale=scale)
        if flow is None:
            default = default_flow(dim)
            # Inverted, so that a draw takes one pass, not its density.
            flow, transform = default, default.transform.inv
        elif isinstance(flow, zuko.lazy.Flow):
            transform = flow.transform
        else:
            raise ValueError(f"flow must be a flow of zuko; got {type(flow).__name__}")
        shift = Standardizing(self.loc, self.log_scale)
        self.flow = zuko.lazy.Flow([shift, transform], flow.base)
        self.register_buffer("zeros", torch.zeros(dim), persistent=False)
        self.estimator = "pathwise" if self.in_a_box else "stl"

    @property
    def in_a_box(self) -> bool:
        """Whether splines map a box to itself, which holds all draws that are ever met.

        Inside it q may follow p while most of p is beyond its edge. Estimators that see log q / p
        along the draws alone, such as sticking the landing, then find nothing to mend.
        """
        kinds = [getattr(part, "univariate", None) for part in self.flow.modules()]
        spline = zuko.transforms.MonotonicRQSTransform
        return any(getattr(kind, "func", kind) is spline for kind in kinds)  # a partial has func

    def forward(self) -> Distribution:
        """Return q."""
        zeros = self.get_buffer("zeros")
        return ConditionalFlow(self.flow, None, diagonal_normal(zeros, zeros))


def default_flow(dim: int) -> Any:
    """Return the flow of a dimension, whose inverse is one pass."""
    if dim == 1:  # of which affine layers are another normal
        return zuko.flows.NSF(dim, transforms=2, hidden_features=(32, 32))
    options: dict[str, Any] = {"hidden_features": (32, 32), "activation": nn.SiLU}
    if dim > MOST_AUTOREGRESSIVE:
        return zuko.flows.MAF(dim, transforms=4, passes=2, **options)
    return zuko.flows.MAF(dim, transforms=3, **options)


class Standardizing(zuko.lazy.LazyTransform):
    """(u − μ) / σ, the last step of a flow, which is the first of its inverse."""

    def __init__(self, loc: nn.Parameter, log_scale: nn.Parameter) -> None:
        super().__init__()
        self.loc, self.log_scale = loc, log_scale

    def forward(self, c: Tensor | None = None) -> Transform:
        """Return the transform, whatever the context."""
        return AffineTransform(self.loc, self.log_scale.exp(), event_dim=1).inv


class Mixture(Family):
    """A mixture of normal distributions of independent dimensions, of learned weights.

    Args:
        dim: D, at least 1.
        components: M, at least 1.
        scale: σ before training.
        spread: Standard deviation of the components' centres before training, at least 0.
    """

    def __init__(
        self, dim: int, *, components: int = 5, scale: float = START, spread: float = 1.0
    ) -> None:
        super().__init__(dim, scale=scale)
        check_int("components", components)
        self.components = components
        self.offsets = nn.Parameter(spread * torch.randn(components, dim))
        self.log_ratios = nn.Parameter(torch.zeros(components, dim))
        self.logits = nn.Parameter(torch.zeros(components))

    def forward(self) -> Distribution:
        """Return q."""
        loc, log_scale = self.loc + self.offsets, self.log_scale + self.log_ratios
        return NormalMixture(self.logits, loc, log_scale)


FAMILIES: Mapping[str, Any] = {
    "mean_field": MeanField,
    "full_rank": FullRank,
    "low_rank": LowRank,
    "flow": Flow,
    "mixture": Mixture,
}
