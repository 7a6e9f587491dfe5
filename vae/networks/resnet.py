"""Residual nets for pictures ``(C, H, W)`` and signals ``(C, L)`` of any size."""

__all__ = ["ResNetDecoder", "ResNetEncoder", "enlarge"]

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import ClassVar, final

from torch import Tensor, nn

from vae.networks.attention import SelfAttention
from vae.networks.blocks import ResidualBlock, conv3, group_norm
from vae.networks.levels import Level, plan_levels, suited_channels
from vae.networks.network import StagedNet, check_sizes, flat

CHANNELS = (32, 64, 128, 128)  # for pictures of 64×64 or less


@dataclass(frozen=True)
class ResidualPlan:
    """The first level of a residual net, which is at full size, and the halvings after it.

    Args:
        shape: Of the data.
        channels: Of each level.
        blocks: Residual blocks of each level.
        activation: One instance for all.
    """

    shape: tuple[int, ...]
    channels: Sequence[int]
    blocks: int
    activation: nn.Module

    def __post_init__(self) -> None:
        check_sizes(channels=self.channels, blocks=self.blocks)
        if not self.channels:
            raise ValueError("channels must hold at least one level; got none")

    @property
    def top(self) -> tuple[int, ...]:
        """The shape of the first level."""
        return (self.channels[0], *self.shape[1:])

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The halvings."""
        return plan_levels(self.top, self.channels[1:], kernel_size=3)

    @property
    def bottom(self) -> tuple[int, ...]:
        """The shape of the last level."""
        return self.levels[-1].coarse if self.levels else self.top

    def stage(self, shape: tuple[int, ...]) -> list[nn.Module]:
        """Return the residual blocks of one level."""
        return [ResidualBlock(shape, self.activation) for _ in range(self.blocks)]


class ResNet(StagedNet):
    """Levels of residual blocks, the first at full size.

    Attributes:
        decodes: Whether it runs towards the data, which are its output then.

    Args:
        in_shape: Shape of one input, without the leading dimensions.
        out_shape: Shape of one output, without the leading dimensions.
        channels: Channels of each level, best multiples of 8, from the data inwards; ``None`` means
            32, 64, 128, 128, and more levels before them for large pictures (`suited_channels`).
        blocks: Residual blocks of each level, ≥ 1.
        attention: Whether self-attention stands at the last level, the furthest from the data.
        activation: Nonlinearity, stateless, one instance for all layers; SiLU by default.

    Raises:
        ValueError: If the shape of the data is a vector's, or a size is out of range.
    """

    decodes: ClassVar[bool]
    modulated = (ResidualBlock,)

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        channels: Sequence[int] | None = None,
        blocks: int = 1,
        attention: bool = False,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__(in_shape, out_shape)
        shape = self.out_shape if self.decodes else self.in_shape
        channels = suited_channels(channels, CHANNELS, shape)
        activation = nn.SiLU() if activation is None else activation
        self.attention = attention
        self.layers = nn.Sequential(*self.made(ResidualPlan(shape, channels, blocks, activation)))

    @abstractmethod
    def made(self, plan: ResidualPlan) -> list[nn.Module]:
        """Return the layers in the order in which they run."""


@final
class ResNetEncoder(ResNet):
    """Residual blocks at each level, strided convolutions between levels, an affine map at last.

    The first level works at full size and each further one halves every side, rounded up; levels
    that would start at one pixel are dropped.

    Args:
        in_shape: Shape of the data, ``(C, H, W)`` or ``(C, L)``.
        out_shape: Shape of one output, of any number of dimensions.
        **options: Those of `ResNet`.

    Raises:
        ValueError: If `in_shape` is a vector's, or a size is out of range.

    References:
        Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239.

    Example:
        >>> import torch
        >>> ResNetEncoder((3, 33, 47), (10,), channels=(8, 16))(torch.zeros(5, 3, 33, 47)).shape
        torch.Size([5, 10])
    """

    decodes = False

    def made(self, plan: ResidualPlan) -> list[nn.Module]:
        """Return the levels downwards, then the affine map."""
        top, bottom = plan.top, plan.bottom
        layers = [conv3(self.in_shape, top[0]), *plan.stage(top)]
        for level in plan.levels:
            layers += [level.down(), *plan.stage(level.coarse)]
        layers += [SelfAttention(bottom[0])] if self.attention else []
        layers += [group_norm(bottom[0]), plan.activation, nn.Flatten()]
        return [*layers, nn.Linear(prod(bottom), self.out_features)]

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the layers."""
        return [*self.layers]


@final
class ResNetDecoder(ResNet):
    """The mirror of `ResNetEncoder`: an affine map, then residual blocks and upsampling.

    Between levels the picture is enlarged to the exact size that the encoder had there. The
    list `channels` is given as for the encoder, from the data inwards.

    Args:
        in_shape: Shape of one latent, of any number of dimensions.
        out_shape: Shape of the parameters of the likelihood, ``(C, H, W)`` or ``(C, L)``.
        **options: Those of `ResNet`.

    Raises:
        ValueError: If `out_shape` is a vector's, or a size is out of range.

    References:
        Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239.

    Example:
        >>> import torch
        >>> ResNetDecoder((10,), (3, 33, 47), channels=(8, 16))(torch.zeros(5, 10)).shape
        torch.Size([5, 3, 33, 47])
    """

    decodes = True

    def made(self, plan: ResidualPlan) -> list[nn.Module]:
        """Return the affine map, then the levels upwards."""
        top, bottom = plan.top, plan.bottom
        layers = [nn.Linear(self.in_features, prod(bottom)), nn.Unflatten(1, bottom)]
        layers += [SelfAttention(bottom[0])] if self.attention else []
        for level in reversed(plan.levels):
            layers += [*plan.stage(level.coarse), *enlarge(level)]
        layers += [*plan.stage(top), group_norm(top[0]), plan.activation]
        return [*layers, conv3(top, self.out_shape[0])]

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the layers, after the flattening."""
        return [flat, *self.layers]


def enlarge(level: Level) -> list[nn.Module]:
    """Return the layers from the coarse to the fine shape of a level."""
    return [nn.Upsample(level.fine[1:], mode="nearest-exact"), conv3(level.coarse, level.fine[0])]
