"""Stacks of strided convolutions for pictures ``(C, H, W)`` and signals ``(C, L)`` of any size."""

__all__ = ["ConvDecoder", "ConvEncoder"]

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from vae.networks.dense import dense
from vae.networks.init import he_init
from vae.networks.levels import Level, plan_levels, suited_channels, suited_patch
from vae.networks.network import StagedNet, check_sizes, flat
from vae.networks.patches import Patches, Pixels

CHANNELS = (16, 16, 32, 64)  # for pictures of 64×64 or less
BEHIND_PATCHES = (32, 64)


class ConvNet(StagedNet):
    """A stack of levels between data, or patches of them, and dense layers.

    Attributes:
        decodes: Whether it runs towards the data, which are its output then.

    Args:
        in_shape: Shape of one input, without the leading dimensions.
        out_shape: Shape of one output, without the leading dimensions.
        channels: Channels of each level, ≥ 1, from the data inwards; ``None`` means 16, 16, 32, 64,
            behind patches 32, 64, and more levels before them for large pictures
            (`suited_channels`).
        kernel_size: Side of the kernels in pixels, ≥ 2, for all levels or for each.
        hidden: Features of each dense layer, ≥ 1, from the data inwards.
        activation: Nonlinearity, stateless, one instance for all layers; SiLU by default.
        patch_size: Side in pixels, ≥ 1, of the squares that are laid into channels before the
            levels (`Patches`); ``None`` means, where `channels` is ``None`` as well, what suits the
            size (`suited_patch`), else 1. The largest maps, which cost most, are spared by it.
        start_at_mean: Whether, as a decoder, it is to `start_at` the mean of the training data;
            ``None``: if the likelihood has such a start.

    Raises:
        ValueError: If the shape of the data is a vector's, or a size is out of range.
    """

    decodes: ClassVar[bool]

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        channels: Sequence[int] | None = None,
        kernel_size: Sequence[int] | int = 4,
        hidden: Sequence[int] = (256,),
        activation: nn.Module | None = None,
        patch_size: int | None = 1,
        start_at_mean: bool | None = False,
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.start_at_mean = start_at_mean
        check_sizes(hidden=hidden)
        shape = self.out_shape if self.decodes else self.in_shape
        side = suited_patch(channels, shape) if patch_size is None else patch_size
        check_sizes(patch_size=side)
        if side > max(shape[1:], default=side):
            raise ValueError(
                f"patch_size must be at most {max(shape[1:])}, the longer side; got {side}"
            )
        self.patches = Patches(shape, side) if side > 1 else None
        usual = CHANNELS if self.patches is None else BEHIND_PATCHES
        channels = suited_channels(channels, usual, shape)
        shape = shape if self.patches is None else self.patches.coarse
        levels = plan_levels(shape, channels, kernel_size)
        self.bottom = levels[-1].coarse if levels else shape
        self.lay(levels, hidden, nn.SiLU() if activation is None else activation)
        he_init(self)

    @abstractmethod
    def lay(self, levels: Sequence[Level], hidden: Sequence[int], activation: nn.Module) -> None:
        """Make the layers, in the order in which they run."""


@final
class ConvEncoder(ConvNet):
    """Convolutions that halve every side at each level, then dense layers.

    An odd side is rounded up, so that no pixel is lost; levels that would start at one pixel are
    dropped, and of a single pixel only the dense layers remain. Weights start from `he_init`.

    Args:
        in_shape: Shape of the data, ``(C, H, W)`` or ``(C, L)``.
        out_shape: Shape of one output, of any number of dimensions.
        **options: Those of `ConvNet`.

    Raises:
        ValueError: If `in_shape` is a vector's, or a size is out of range.

    References:
        Understanding disentangling in β-VAE (Burgess et al., 2018), arXiv:1804.03599.

    Example:
        >>> import torch
        >>> ConvEncoder((3, 33, 47), (10,))(torch.zeros(5, 3, 33, 47)).shape
        torch.Size([5, 10])
    """

    decodes = False

    def lay(self, levels: Sequence[Level], hidden: Sequence[int], activation: nn.Module) -> None:
        """Make the levels downwards, then the dense layers."""
        self.down = nn.Sequential(*(m for level in levels for m in (level.down(), activation)))
        self.dense = dense((prod(self.bottom), *hidden, self.out_features), activation)

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the levels, then the dense layers."""
        first = [] if self.patches is None else [self.patches]
        return [*first, *self.down, flat, *self.dense]


@final
class ConvDecoder(ConvNet):
    """The mirror of `ConvEncoder`: dense layers, then transposed convolutions through its sizes.

    It takes the lists of its encoder as they stand there, from the data inwards, and reverses
    them itself.

    Args:
        in_shape: Shape of one latent, of any number of dimensions.
        out_shape: Shape of the parameters of the likelihood, ``(C, H, W)`` or ``(C, L)``.
        **options: Those of `ConvNet`.

    Raises:
        ValueError: If `out_shape` is a vector's, or a size is out of range.

    References:
        Understanding disentangling in β-VAE (Burgess et al., 2018), arXiv:1804.03599.

    Example:
        >>> import torch
        >>> ConvDecoder((10,), (3, 33, 47))(torch.zeros(2, 5, 10)).shape
        torch.Size([2, 5, 3, 33, 47])
    """

    decodes = True

    def lay(self, levels: Sequence[Level], hidden: Sequence[int], activation: nn.Module) -> None:
        """Make the dense layers, then the levels upwards."""
        self.dense = dense((self.in_features, *reversed(hidden), prod(self.bottom)), activation)
        self.up = nn.Sequential(*(m for level in levels[::-1] for m in (activation, level.up())))
        self.last = [] if self.patches is None else [Pixels(self.patches)]

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the dense layers, then the levels."""
        return [flat, *self.dense, lambda h: h.unflatten(1, self.bottom), *self.up, *self.last]

    def pooled(self, mean: Tensor) -> Tensor:
        """Return a mean of the data, ``out_shape``, averaged over the places that share a bias."""
        if self.patches is None or mean.shape != self.out_shape:
            return super().pooled(mean)
        if not len(self.up):  # each place has its own
            return mean
        laid = self.patches(mean[None])
        rows = self.by_channel(mean).view(-1, *[1] * (mean.dim() - 1))
        return self.last[0](rows.expand_as(laid))[0]

    def start_at(self, output: Tensor) -> None:
        """Let the bias of the last layer be this output, or in each channel of it its mean."""
        if self.patches is not None:
            output = self.by_channel(output) if len(self.up) else self.patches(output[None])[0]
        super().start_at(output)

    def by_channel(self, x: Tensor) -> Tensor:
        """Return the mean of each channel of the patches, without what fills up a last one."""
        assert self.patches is not None
        total, count = (
            self.patches(part[None])[0].flatten(1).sum(1) for part in (x, torch.ones_like(x))
        )
        return total / count.clamp(min=1)
