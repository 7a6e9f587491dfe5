"""Where the scale σ of a location-scale likelihood comes from."""

__all__ = ["FixedScale", "LearnedScale", "PixelwiseScale", "Scale"]

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions.log_scale_normal import (
    LOG_SCALE_BOUNDS,
    LogScale,
    inverse_soft_bound,
    soft_bound,
    started,
)


class Scale(nn.Module, ABC):
    """Completes a location-scale family with a scale.

    Attributes:
        num_params: How many parameters per dimension it takes from the net, beside the location.
        learned: Whether training changes it.
        only_start: Its settings that say where training starts, and nothing afterwards.
    """

    num_params: int = 0
    learned = True
    only_start: tuple[str, ...] = ()

    @property
    def starts_at_examples(self) -> bool:
        """Whether it is learned, and starts at the scale of examples."""
        return False

    @abstractmethod
    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc`; `raw` are `num_params` tensors like `loc`."""

    def start_at(self, log_scale: Tensor) -> tuple[float, ...] | None:
        """Start at a log-scale, if it is learned.

        Returns:
            The `num_params` raw values under which the net gives this scale; ``None`` if it is
            not learned, or its start was chosen.
        """
        return None

    def start_around_mean(self, family: type[LogScale], x: Tensor) -> Tensor | None:
        """Start at the likeliest scale of examples ``(N, *event_shape)`` around their mean.

        Returns:
            Raw parameters, stacked: the mean, and what `start_at` returns.
        """
        mean = x.mean(0)
        raw = self.start_at(family.fitted_log_scale(x - mean))
        if raw is None:
            return None
        return torch.cat([mean, *(torch.full_like(mean, value) for value in raw)])


class FixedScale(Scale):
    """One σ, chosen by the user, for all dimensions.

    Args:
        sigma: σ > 0, in units of the data.

    Raises:
        ValueError: If `sigma` is not positive and finite.
    """

    learned = False

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
            ``None`` means that of the training data, by `start_at`, and 1 until then.

    Raises:
        ValueError: If `init` lies outside its range.
    """

    only_start = ("init",)

    def __init__(self, init: float | None = None) -> None:
        super().__init__()
        if init is not None and not 1e-3 <= init <= 140:
            raise ValueError(
                f"LearnedScale needs 1e-3 <= init <= 140; got {init}. Rescale the data."
            )
        self.chosen = init is not None
        raw = inverse_soft_bound(math.log(1.0 if init is None else init), *LOG_SCALE_BOUNDS)
        self.raw = nn.Parameter(torch.tensor([raw]))  # not a scalar, which is never sharded

    @property
    def starts_at_examples(self) -> bool:
        """Whether no start was chosen."""
        return not self.chosen

    @torch.no_grad()
    def start_at(self, log_scale: Tensor) -> tuple[float, ...] | None:
        """Start at a log-scale, unless the start was chosen."""
        if self.chosen:
            return None
        self.raw.fill_(started(log_scale, *LOG_SCALE_BOUNDS))
        return ()

    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc` with the learned scale."""
        return family(loc, soft_bound(self.raw, *LOG_SCALE_BOUNDS))


class PixelwiseScale(Scale):
    """One σ per dimension, from the net; log σ is softly bounded to `LOG_SCALE_BOUNDS`."""

    num_params = 1
    starts_at_examples = True

    def start_at(self, log_scale: Tensor) -> tuple[float, ...] | None:
        """Return the raw value of a log-scale."""
        return (started(log_scale, *LOG_SCALE_BOUNDS),)

    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc` with the scale that the net gave."""
        return family(loc, soft_bound(raw[0], *LOG_SCALE_BOUNDS))
