"""Every posterior head, small, for tests that all of them pass; a new one adds an entry to `HEADS`.

An entry says how expectations under the head are computed without its draws: by nodes and weights
of a sum over its space, for which its density is to integrate to one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch
import zuko
from torch import Tensor

from vae.distributions import (
    BernoulliPosterior,
    BetaPosterior,
    CategoricalPosterior,
    ConstantNormalPosterior,
    DirichletPosterior,
    FlowPosterior,
    FullNormalPosterior,
    GammaPosterior,
    Head,
    InverseAutoregressiveFlow,
    LaplacePosterior,
    LogisticNormalPosterior,
    LowRankNormalPosterior,
    MixturePosterior,
    NormalPosterior,
    PlanarPosterior,
    PowerSphericalPosterior,
    RadialPosterior,
    StudentTPosterior,
    SylvesterPosterior,
    VonMisesFisherPosterior,
)

D = 3
Nodes = Callable[[int], tuple[Tensor, Tensor]]


def over_reals(dim: int, step: float = 0.1, reach: float = 7.0) -> tuple[Tensor, Tensor]:
    """Return points ``(N, dim)`` and weights ``(N,)``: fine at the origin, and far into tails."""
    t = torch.arange(-reach, reach, step)
    points = torch.cartesian_prod(*[t.sinh()] * dim).view(-1, dim)
    weights = torch.cartesian_prod(*[t.cosh() * step] * dim).view(-1, dim)
    return points, weights.prod(-1)


def over_categories(dim: int) -> tuple[Tensor, Tensor]:
    """Return every value of one-hot variables of four categories, ``(4^dim, dim, 4)``."""
    values = torch.stack([torch.eye(4)[list(chosen)] for chosen in product(range(4), repeat=dim)])
    return values, torch.ones(len(values))


def over_bits(dim: int) -> tuple[Tensor, Tensor]:
    """Return every value of so many bits, ``(2^dim, dim)``."""
    values = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * dim).view(-1, dim)
    return values, torch.ones(len(values))


def over_simplices(dim: int) -> tuple[Tensor, Tensor]:
    """Return points ``(N, dim, 2)`` of pairs of positive numbers with sum one, and weights."""
    t = torch.arange(-30, 30, 0.2)
    first = torch.cartesian_prod(*[t.sigmoid()] * dim).view(-1, dim)
    second = torch.cartesian_prod(*[(-t).sigmoid()] * dim).view(-1, dim)
    return torch.stack([first, second], -1), (first * second * 0.2).prod(-1)


def over_positive(dim: int) -> tuple[Tensor, Tensor]:
    """Return points ``(N, dim)`` above 0 and weights, evenly in their logarithms."""
    t = torch.arange(-70, 9, 0.15)
    points = torch.cartesian_prod(*[t.exp()] * dim).view(-1, dim)
    return points, (points * 0.15).prod(-1)


def over_unit_intervals(dim: int) -> tuple[Tensor, Tensor]:
    """Return points ``(N, dim)`` in (0, 1) and weights."""
    pairs, weights = over_simplices(dim)
    return pairs[..., 0], weights


def over_shares(dim: int) -> tuple[Tensor, Tensor]:
    """Return three shares with sum one, ``(N, 3)``, and weights, evenly in log-ratios."""
    assert dim == 3
    t = torch.arange(-40, 40, 0.2)
    ratios = torch.cartesian_prod(t, t)
    points = torch.nn.functional.pad(ratios, (0, 1)).softmax(-1)
    return points, points.prod(-1) * 0.2**2


def over_sphere(dim: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors ``(N, 3)`` and weights: evenly around an axis, by Gauss along it."""
    assert dim == 3
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(80))
    around = torch.arange(160) * 2 * torch.pi / 160
    along, angle = torch.cartesian_prod(nodes, around).unbind(-1)
    across = (1 - along.square()).sqrt()
    points = torch.stack([across * angle.cos(), across * angle.sin(), along], -1)
    return points, weights.repeat_interleave(160) * 2 * torch.pi / 160


@dataclass(frozen=True)
class Case:
    """A head of any number of latents.

    Args:
        make: Makes it, given the number of latents.
        nodes: Returns points, ``(N, *event)``, and weights, ``(N,)``, whose weighted sum of
            a function is its integral over the space of a number of latents; random ones are as
            good, where `tolerance` is theirs.
        dim: The number of latents for which it does.
        training: Whether it is in training mode there.
        tolerance: The greatest error of such an integral, a tenth of that of its derivatives.
        spread: The deviation of raw parameters for which it is met.
    """

    make: Callable[[int], Head]
    nodes: Nodes = over_reals
    dim: int = 2
    training: bool = True
    tolerance: float = 1e-5
    spread: float = 0.5

    def __call__(self, dim: int = D) -> Head:
        return self.make(dim)


def flow_head(dim: int = D) -> Head:
    flow = zuko.flows.NSF(dim, 4, transforms=2, passes=2, hidden_features=[8])
    return FlowPosterior(dim, flow=flow, context_dim=4)


def inner_flow_head(dim: int) -> Head:
    flow = zuko.flows.NSF(dim, 4, transforms=2, passes=2, hidden_features=[8])
    return FlowPosterior(dim, flow=flow, context_dim=4, on_noise=True)


def autoregressive_head(kind: Callable[..., torch.nn.Module], dim: int) -> Head:
    return FlowPosterior(dim, flow=kind(dim, 4, transforms=2, hidden_features=[8]), context_dim=4)


HEADS = {
    "normal": Case(NormalPosterior),
    "constant normal": Case(lambda dim: ConstantNormalPosterior(dim, scale=math.exp(-1))),
    # Splines make a density with kinks, of whose slopes a sum knows less.
    "flow": Case(flow_head, partial(over_reals, step=0.03, reach=3.5), tolerance=2e-3),
    # Its kinks move with μ: of their slopes a sum over two variables knows too little.
    "flow on noise": Case(
        inner_flow_head, partial(over_reals, step=1e-3, reach=3.5), dim=1, tolerance=1e-3
    ),
    "full normal": Case(FullNormalPosterior),
    "low-rank normal": Case(partial(LowRankNormalPosterior, rank=2)),
    "laplace": Case(LaplacePosterior, partial(over_reals, step=1e-3), dim=1, tolerance=1e-3),
    "student t": Case(partial(StudentTPosterior, df=6.0)),
    "student t of learned df": Case(partial(StudentTPosterior, df=None)),
    "mixture": Case(partial(MixturePosterior, components=3)),
    "planar": Case(partial(PlanarPosterior, num_flows=2)),
    "radial": Case(partial(RadialPosterior, num_flows=2)),
    "sylvester": Case(partial(SylvesterPosterior, num_flows=2, reflections=2)),
    "iaf": Case(partial(autoregressive_head, InverseAutoregressiveFlow), tolerance=2e-3),
    "iaf of splines": Case(
        partial(autoregressive_head, partial(InverseAutoregressiveFlow, bins=4)),
        partial(over_reals, step=0.03, reach=3.5),
        tolerance=2e-3,
    ),
    "maf": Case(partial(autoregressive_head, zuko.flows.MAF), tolerance=2e-3),
    "categorical": Case(
        lambda dim: CategoricalPosterior(dim, num_categories=4), over_categories, training=False
    ),
    "relaxed categories": Case(
        lambda dim: CategoricalPosterior(dim, num_categories=2), over_simplices
    ),
    "bernoulli": Case(BernoulliPosterior, over_bits, training=False),
    "relaxed bits": Case(BernoulliPosterior, over_unit_intervals),
    "gamma": Case(GammaPosterior, over_positive),
    "beta": Case(BetaPosterior, over_unit_intervals),
    "dirichlet": Case(DirichletPosterior, over_shares, dim=3),
    "logistic normal": Case(LogisticNormalPosterior, over_shares, dim=3),
    "von Mises–Fisher": Case(VonMisesFisherPosterior, over_sphere, dim=3),
    "power spherical": Case(PowerSphericalPosterior, over_sphere, dim=3),
}
