"""The sequence of sizes that a picture or a signal passes on its way down, and back up."""

__all__ = ["Level", "convolution", "plan_levels", "suited_channels", "suited_patch"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from vae.networks.network import check_sizes

CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {2: nn.Conv1d, 3: nn.Conv2d}
USUAL = 64 * 64  # pixels of the pictures that the usual levels are for
WIDTH = 16  # channels of a level before these
TRANSPOSED: dict[int, Callable[..., nn.Module]] = {2: nn.ConvTranspose1d, 3: nn.ConvTranspose2d}


def convolution(shape: Sequence[int]) -> Callable[..., nn.Module]:
    """Return the type of convolution for data of a shape ``(C, H, W)`` or ``(C, L)``.

    Raises:
        ValueError: If the shape has another number of dimensions.
    """
    if len(shape) not in CONVOLUTIONS:
        raise ValueError(
            "a convolutional net needs data of shape (C, H, W) or (C, L); "
            f"got {tuple(shape)}: use model=mlp"
        )
    return CONVOLUTIONS[len(shape)]


@dataclass(frozen=True)
class Level:
    """One halving of every side, rounded up, and the convolutions of stride 2 that do and undo it.

    With kernel k, a side s needs a padding p of ⌊(k − 1)/2⌋ if s is even and of ⌊k/2⌋ if it is
    odd, so that ⌊(s + 2p − k)/2⌋ + 1 = ⌈s/2⌉; the way back then lacks zero or one pixel.

    Args:
        fine: Shape ``(C, *size)`` above the level.
        coarse: Shape ``(C, *size)`` below the level.
        kernel_size: Side of the kernel in pixels, ≥ 2.
    """

    fine: tuple[int, ...]
    coarse: tuple[int, ...]
    kernel_size: int

    @property
    def padding(self) -> tuple[int, ...]:
        """Pixels added at either end of each side."""
        return tuple((self.kernel_size - 1 + side % 2) // 2 for side in self.fine[1:])

    @property
    def output_padding(self) -> tuple[int, ...]:
        """Pixels, 0 or 1, that the transposed convolution must add to return to the fine size."""
        sides = zip(self.fine[1:], self.coarse[1:], self.padding, strict=True)
        return tuple(f - 2 * (c - 1) + 2 * p - self.kernel_size for f, c, p in sides)

    def down(self) -> nn.Module:
        """Return a convolution from the fine to the coarse shape."""
        conv = convolution(self.fine)
        return conv(self.fine[0], self.coarse[0], self.kernel_size, stride=2, padding=self.padding)

    def up(self) -> nn.Module:
        """Return a transposed convolution from the coarse to the fine shape."""
        return TRANSPOSED[len(self.fine)](
            self.coarse[0],
            self.fine[0],
            self.kernel_size,
            stride=2,
            padding=self.padding,
            output_padding=self.output_padding,
        )


def suited_channels(
    channels: Sequence[int] | None, usual: Sequence[int], shape: Sequence[int]
) -> Sequence[int]:
    """Return the channels that were chosen, or the usual ones after those of more levels.

    There is one of 16 channels for each halving that leads to 64×64 pixels (4096 steps of a signal)
    or fewer. The last map is then as small as that of a small picture, and with it the dense layer
    behind it, which would grow with the number of pixels; and the largest maps are thin.

    Args:
        channels: Chosen ones; ``None`` if nobody chose.
        usual: Those of the net, for small pictures.
        shape: Of the data, ``(C, H, W)`` or ``(C, L)``.

    Example:
        >>> [suited_channels(None, (32, 64), (3, side, side)) for side in (64, 65, 512)]
        [(32, 64), (16, 32, 64), (16, 16, 16, 32, 64)]
    """
    if channels is not None:
        return channels
    before, sides = 0, tuple(shape[1:])
    while prod(sides) > USUAL:
        before, sides = before + 1, tuple(-(-side // 2) for side in sides)
    return (*[WIDTH] * before, *usual)


def suited_patch(channels: Sequence[int] | None, shape: Sequence[int]) -> int:
    """Return the side of the patches of a net whose channels nobody chose.

    It is 4, of pictures below 48×48 pixels 2, and of signals and below 8×8 pixels 1: chosen by the
    time to a given ELBO (`benchmarks.choices`). On 64×64 pixels a run of five epochs takes two
    fifths of the time that it takes without patches, and an epoch is worth less.

    Args:
        channels: Chosen ones; ``None`` if nobody chose.
        shape: Of the data, ``(C, H, W)`` or ``(C, L)``.
    """
    if channels is not None or len(shape) != 3 or min(shape[1:]) < 8:
        return 1
    return 4 if min(shape[1:]) >= 48 else 2


def plan_levels(
    shape: Sequence[int], channels: Sequence[int], kernel_size: Sequence[int] | int
) -> tuple[Level, ...]:
    """Halve a shape once for each entry of `channels`, dropping levels that start at one pixel.

    Args:
        shape: Shape of the data, ``(C, H, W)`` or ``(C, L)``.
        channels: Channels below each level, ≥ 1, from the data inwards.
        kernel_size: Side of the kernel in pixels, ≥ 2, for all levels or for each.

    Raises:
        ValueError: If the shape or a size is refused, or if the two lists differ in length.
    """
    convolution(shape)
    kernels = [kernel_size] * len(channels) if isinstance(kernel_size, int) else kernel_size
    check_sizes(channels=channels)
    if len(kernels) != len(channels) or any(kernel < 2 for kernel in kernels):
        raise ValueError(
            f"kernel_size must be one number from 2, or one for each of {len(channels)} levels; "
            f"got {kernel_size}"
        )
    levels: list[Level] = []
    fine = tuple(shape)
    for width, kernel in zip(channels, kernels, strict=True):
        if max(fine[1:]) > 1:
            coarse = (width, *(-(-side // 2) for side in fine[1:]))
            levels.append(Level(fine, coarse, kernel))
            fine = coarse
    return tuple(levels)
