"""What stands between the output of a net and a distribution."""

__all__ = ["Conditional", "Head", "Likelihood", "check_latent_dim"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from math import prod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint

from vae.from_data import Examples, StartsAtOutput, StartsFromData

MEAN_OF = 10_000  # training examples from which a mean is taken
SCALE_OF = 1 << 22  # values, of whole examples, from which a scale is taken


class Head(nn.Module, ABC):
    """Turns the raw output of a net into a distribution over events of one shape.

    Args:
        event_shape: Shape of one event: of one latent vector, of one picture.
        param_shape: Shape of the raw output that one event needs from the net.

    Attributes:
        support: Where the distribution lives, as a `torch.distributions.constraints` constraint.
    """

    support: Constraint

    def __init__(self, event_shape: Sequence[int], param_shape: Sequence[int]) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.param_shape = tuple(param_shape)

    @abstractmethod
    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, *param_shape)`` to a distribution of batch shape ``lead``."""


class Likelihood(Head):
    """A head for p(x|z): a normalised density, or a mass on a grid of `levels` values.

    Attributes:
        levels: How many equally spaced values in [0, 1] carry mass; ``None`` for a density.
    """

    levels: int | None = None

    @property
    def starts_at_examples(self) -> bool:
        """Whether `start_at` makes use of what it is given."""
        return False

    def params_of_mean(self, mean: Tensor) -> Tensor:
        """Return raw parameters, ``param_shape``, of a distribution with this mean of the data.

        Raises:
            ValueError: If this is not defined for the likelihood.
        """
        raise ValueError(
            f"start_at_mean is not defined for {type(self).__name__}: use likelihood=bernoulli, or "
            "model.decoder.start_at_mean=false"
        )

    def start_at(self, x: Tensor) -> Tensor | None:
        """Start the scale, if it is learned, at that of examples ``(N, *event_shape)``.

        Returns:
            Raw parameters of examples' mean and that scale, ``param_shape``, for the net to start
            at; ``None`` if there is no learned scale, and everything stays as it is.
        """
        return None


class Conditional(nn.Module, StartsFromData):
    """A conditional distribution, q(z|x) or p(x|z): a net and the head that reads it.

    The head always works in single precision or better, also under autocast: exponentials of
    half-precision log-variances overflow at inputs above 11.

    Args:
        net: Maps what is given to raw parameters.
        head: Maps raw parameters to a distribution.
    """

    head: Head

    def __init__(self, net: nn.Module, head: Head) -> None:
        super().__init__()
        self.net = net
        self.head = head

    @property
    def likelihood(self) -> "Likelihood":
        """The head, of a decoder."""
        assert isinstance(self.head, Likelihood)
        return self.head

    def forward(self, *given: Tensor) -> Distribution:
        """Return the distribution given tensors of shape ``(*lead, *in_shape)``."""
        params = self.net(*given)
        if params.dtype in (torch.float16, torch.bfloat16):
            params = params.float()
        return self.head(params)

    def initialize(self, examples: Examples) -> None:
        """Start a likelihood that learns its scale, and the output of its net, at the data.

        It starts as the likeliest one that does not look at z: at the mean of the data and their
        deviation from it. A scale in units of the data can be a hundred times smaller than one;
        short runs would otherwise end before it is found. Likelihoods without a learned scale,
        scales whose start was chosen, and nets that are no `StartsAtOutput` stay as they are.

        Args:
            examples: Of the training data, by their number.

        Raises:
            ValueError: If the net is to start at the mean, come what may, and the likelihood has no
                such start.
        """
        net, head = self.net, self.head
        if not (isinstance(head, Likelihood) and isinstance(net, StartsAtOutput)):
            return
        if examples(1).shape[1:] != head.event_shape:  # a likelihood of something else than x
            return
        if net.start_at_mean is not False:
            with nullcontext() if net.start_at_mean else suppress(ValueError):
                net.start_at(head.params_of_mean(net.pooled(examples(MEAN_OF).mean(0))))
        if head.starts_at_examples:
            few = min(MEAN_OF, max(2, SCALE_OF // prod(head.event_shape)))
            raw = head.start_at(examples(few).double())
            if raw is not None:
                net.start_at(raw)


def check_latent_dim(latent_dim: int) -> None:
    """Refuse a latent dimension below 1."""
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be at least 1; got {latent_dim}")
