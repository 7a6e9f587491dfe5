"""The layers that residual nets are built of."""

__all__ = ["ResidualBlock", "conv3", "group_norm", "zero_init"]

from collections.abc import Sequence
from typing import TypeVar, final

from torch import Tensor, nn

from vae.networks.levels import convolution

M = TypeVar("M", bound=nn.Module)


def conv3(shape: Sequence[int], channels: int) -> nn.Module:
    """Return a convolution of kernel 3 from ``(C, *size)`` to ``(channels, *size)``."""
    return convolution(shape)(shape[0], channels, 3, padding=1)


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a GroupNorm over groups of 8 channels, or over all where 8 does not divide them.

    A group never has fewer channels, since over a single pixel it would hold too few values.
    """
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)


def zero_init(module: M) -> M:
    """Set the parameters of a module to zero, so that the residual branch it ends starts silent."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


@final
class ResidualBlock(nn.Module):
    """The residual map y = x + conv(a(norm(conv(a(norm(x)))))), the identity at initialisation.

    Args:
        shape: Shape of one input and output, ``(C, H, W)`` or ``(C, L)``.
        activation: The nonlinearity a, stateless.

    References:
        Identity Mappings in Deep Residual Networks (He et al., 2016), arXiv:1603.05027.
    """

    def __init__(self, shape: Sequence[int], activation: nn.Module) -> None:
        super().__init__()
        channels = shape[0]
        self.branch = nn.Sequential(
            group_norm(channels),
            activation,
            conv3(shape, channels),
            group_norm(channels),
            activation,
            zero_init(conv3(shape, channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, *shape)`` to ``(N, *shape)``."""
        return x + self.branch(x)
