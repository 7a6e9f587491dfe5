"""Where the scale σ of a location-scale likelihood comes from."""

__all__ = ["FixedScale", "LearnedScale", "PixelwiseScale", "Scale"]

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions.bounds import LOG_SCALE_BOUNDS, inverse_soft_bound, soft_bound
from vae.distributions.normal import LogScale


class Scale(nn.Module, ABC):
    """Completes a location-scale family with a scale.

    Attributes:
        num_params: How many parameters per dimension it takes from the net, beside the location.
    """

    num_params: int = 0

    @abstractmethod
    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc`; `raw` are `num_params` tensors like `loc`."""


class FixedScale(Scale):
    """One σ, chosen by the user, for all dimensions.

    Args:
        sigma: σ > 0, in units of the data.

    Raises:
        ValueError: If `sigma` is not positive and finite.
    """

    def __init__(self, sigma: float) -> None:
        super().__init__()
        if not 0 < sigma < math.inf:
            raise ValueError(f"FixedScale needs a finite sigma > 0; got {sigma}. Try sigma=1.0.")
        self.log_sigma = math.log(sigma)

    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc` with scale σ."""
        return family(loc, loc.new_full((), self.log_sigma))


class LearnedScale(Scale):
    """One σ for all dimensions, learned with the weights of the net.

    Args:
        init: σ before training, in units of the data, from 1e-3 to 140: log σ is softly bounded.

    Raises:
        ValueError: If `init` lies outside its range.
    """

    def __init__(self, init: float = 1.0) -> None:
        super().__init__()
        if not 1e-3 <= init <= 140:
            raise ValueError(
                f"LearnedScale needs 1e-3 <= init <= 140; got {init}. Rescale the data."
            )
        raw = inverse_soft_bound(math.log(init), *LOG_SCALE_BOUNDS)
        self.raw = nn.Parameter(torch.tensor([raw]))  # not a scalar, which is never sharded

    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc` with the learned scale."""
        return family(loc, soft_bound(self.raw, *LOG_SCALE_BOUNDS))


class PixelwiseScale(Scale):
    """One σ per dimension, from the net; log σ is softly bounded to `LOG_SCALE_BOUNDS`."""

    num_params = 1

    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc` with the scale that the net gave."""
        return family(loc, soft_bound(raw[0], *LOG_SCALE_BOUNDS))
