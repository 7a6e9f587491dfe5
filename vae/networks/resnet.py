"""Residual nets for pictures ``(C, H, W)`` and signals ``(C, L)`` of any size."""

__all__ = ["ResNetDecoder", "ResNetEncoder"]

from collections.abc import Sequence
from math import prod
from typing import final

from torch import Tensor, nn

from vae.networks.attention import SelfAttention
from vae.networks.blocks import ResidualBlock, conv3, group_norm
from vae.networks.levels import Level, plan_levels
from vae.networks.network import Network, check_sizes


@final
class ResNetEncoder(Network):
    """Residual blocks at each level, strided convolutions between levels, an affine map at last.

    The first level works at full size and each further one halves every side, rounded up; levels
    that would start at one pixel are dropped.

    Args:
        in_shape: Shape of the data, ``(C, H, W)`` or ``(C, L)``.
        out_shape: Shape of one output, of any number of dimensions.
        channels: Channels of each level, best multiples of 8, from the data inwards.
        blocks: Residual blocks of each level, ≥ 1.
        attention: Whether self-attention follows the last level.
        activation: Nonlinearity, stateless, one instance for all layers; SiLU by default.

    Raises:
        ValueError: If `in_shape` is a vector's, or a size is out of range.

    References:
        Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239.

    Example:
        >>> import torch
        >>> ResNetEncoder((3, 33, 47), (10,), channels=(8, 16))(torch.zeros(5, 3, 33, 47)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        channels: Sequence[int] = (32, 64, 128, 128),
        blocks: int = 1,
        attention: bool = False,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__(in_shape, out_shape)
        activation = nn.SiLU() if activation is None else activation
        top, levels = plan_residual(self.in_shape, channels, blocks)
        bottom = levels[-1].coarse if levels else top
        layers = [conv3(self.in_shape, top[0]), *stage(top, blocks, activation)]
        for level in levels:
            layers += [level.down(), *stage(level.coarse, blocks, activation)]
        layers += [SelfAttention(bottom[0])] if attention else []
        layers += [group_norm(bottom[0]), activation, nn.Flatten()]
        self.layers = nn.Sequential(*layers, nn.Linear(prod(bottom), self.out_features))

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, out_features)``."""
        return self.layers(x)


@final
class ResNetDecoder(Network):
    """The mirror of `ResNetEncoder`: an affine map, then residual blocks and upsampling.

    Between levels the picture is enlarged to the exact size that the encoder had there. The
    list `channels` is given as for the encoder, from the data inwards.

    Args:
        in_shape: Shape of one latent, of any number of dimensions.
        out_shape: Shape of the parameters of the likelihood, ``(C, H, W)`` or ``(C, L)``.
        channels: Channels of each level, best multiples of 8, from the data inwards.
        blocks: Residual blocks of each level, ≥ 1.
        attention: Whether self-attention precedes the first level.
        activation: Nonlinearity, stateless, one instance for all layers; SiLU by default.

    Raises:
        ValueError: If `out_shape` is a vector's, or a size is out of range.

    References:
        Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239.

    Example:
        >>> import torch
        >>> ResNetDecoder((10,), (3, 33, 47), channels=(8, 16))(torch.zeros(5, 10)).shape
        torch.Size([5, 3, 33, 47])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        channels: Sequence[int] = (32, 64, 128, 128),
        blocks: int = 1,
        attention: bool = False,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__(in_shape, out_shape)
        activation = nn.SiLU() if activation is None else activation
        top, levels = plan_residual(self.out_shape, channels, blocks)
        bottom = levels[-1].coarse if levels else top
        layers = [nn.Linear(self.in_features, prod(bottom)), nn.Unflatten(1, bottom)]
        layers += [SelfAttention(bottom[0])] if attention else []
        for level in reversed(levels):
            layers += [*stage(level.coarse, blocks, activation), *enlarge(level)]
        layers += [*stage(top, blocks, activation), group_norm(top[0]), activation]
        self.layers = nn.Sequential(*layers, conv3(top, self.out_shape[0]))

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, *out_shape)``."""
        return self.layers(x.flatten(1))


def plan_residual(
    shape: tuple[int, ...], channels: Sequence[int], blocks: int
) -> tuple[tuple[int, ...], tuple[Level, ...]]:
    """Return the shape of the first level, which is at full size, and the halvings after it."""
    check_sizes(channels=channels, blocks=blocks)
    if not channels:
        raise ValueError("channels must hold at least one level; got none")
    top = (channels[0], *shape[1:])
    return top, plan_levels(top, channels[1:], kernel_size=3)


def stage(shape: tuple[int, ...], blocks: int, activation: nn.Module) -> list[nn.Module]:
    """Return the residual blocks of one level."""
    return [ResidualBlock(shape, activation) for _ in range(blocks)]


def enlarge(level: Level) -> list[nn.Module]:
    """Return the layers from the coarse to the fine shape of a level."""
    return [nn.Upsample(level.fine[1:], mode="nearest-exact"), conv3(level.coarse, level.fine[0])]
