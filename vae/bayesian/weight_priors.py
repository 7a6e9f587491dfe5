"""Priors of a layer's weights."""

__all__ = ["EmpiricalPrior", "GaussianPrior", "ScaleMixturePrior", "WeightPrior"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, Normal

from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LogScaleNormal


class WeightPrior(nn.Module, ABC):
    """p(w) of the weights of one layer, of any number; each layer has a copy of its own."""

    @abstractmethod
    def forward(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """Return p(w), event ``(D,)``.

        Args:
            loc: Means of q(w), ``(D,)``.
            log_scale: Logarithms of its deviations, ``(D,)``.
        """


@final
class GaussianPrior(WeightPrior):
    r"""Independent weights :math:`N(0, s^2)` of a fixed width.

    Args:
        scale: s, above 0.

    Raises:
        ValueError: If ``scale`` is not above 0.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        check_scales(scale)
        self.log_scale: Tensor
        self.register_buffer("log_scale", torch.tensor(log(scale)))

    def forward(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """Return p(w)."""
        return centered(loc, self.log_scale)


@final
class EmpiricalPrior(WeightPrior):
    r"""Independent weights :math:`N(0, s^2)` with the s that the weights of a layer ask for.

    Empirical Bayes: the bound is highest at :math:`s^2 = \frac1D \sum_i μ_i^2 + σ_i^2`, which is
    taken at each step. There is nothing to learn or to search for.

    References:
        Deterministic Variational Inference for Robust Bayesian Neural Networks
        (Wu, Nowozin, Meeds, Turner, Hernández-Lobato, Gaunt, 2019), 1810.03958.
    """

    def forward(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """Return p(w)."""
        # At the optimum the bound has no slope along s: its gradient may be left out.
        loc, log_scale = loc.detach(), log_scale.detach()
        square = (loc.square() + (2 * log_scale).exp()).mean()
        return centered(loc, 0.5 * square.log())


@final
class ScaleMixturePrior(WeightPrior):
    r"""Independent weights :math:`π N(0, s_1^2) + (1 - π) N(0, s_2^2)`: few are large.

    KL(q ‖ p) has no closed form; it is estimated by draws.

    Args:
        share: π, between 0 and 1.
        scales: s₁ and s₂, above 0.
        learned: Whether all three are learned, for each layer; training starts at those given.

    Raises:
        ValueError: If a number is out of range.

    References:
        Weight Uncertainty in Neural Networks (Blundell et al., 2015), 1505.05424.
    """

    logits: Tensor
    log_scales: Tensor

    def __init__(
        self,
        share: float = 0.5,
        *,
        scales: Sequence[float] = (1.0, 0.0025),
        learned: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < share < 1 or len(scales) != 2:
            raise ValueError(f"share lies in (0, 1), of two scales; got {share} and {scales}")
        check_scales(*scales)
        starts = {"logits": torch.tensor([share, 1 - share]), "log_scales": torch.tensor([*scales])}
        for name, start in starts.items():
            if learned:
                self.register_parameter(name, nn.Parameter(start.log()))
            else:
                self.register_buffer(name, start.log())

    def forward(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """Return p(w)."""
        logits = self.logits.expand(*loc.shape, 2)
        shares = Categorical(logits=logits, validate_args=False)
        scales = self.log_scales.exp().expand(*loc.shape, 2)
        parts = Normal(torch.zeros_like(scales), scales, validate_args=False)
        return Joint(MixtureSameFamily(shares, parts, validate_args=False), 1)


def centered(like: Tensor, log_scale: Tensor) -> Distribution:
    """Return N(0, s²) of each of ``(D,)`` weights, as one event, of a scalar log s."""
    return Joint(LogScaleNormal(like.new_zeros(()).expand(like.shape), log_scale), 1)


def check_scales(*scales: float) -> None:
    """Refuse a scale that is not above 0."""
    if not all(0 < scale < float("inf") for scale in scales):
        raise ValueError(f"a prior's scale must be a finite number above 0; got {scales}")
