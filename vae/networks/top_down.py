"""Maps of several sizes: what is read of the data on the way up, and blocks on the way down."""

__all__ = ["LastMaps", "Pyramid", "TopDownBlock", "over"]

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from vae.networks.blocks import ResidualBlock, conv3, group_norm, zero_init
from vae.networks.levels import Level, convolution
from vae.networks.network import Network


def over(net: nn.Module, dims: int, *given: Tensor) -> Tensor:
    """Return a net of maps given some, joined by channels, whatever dimensions they have before.

    Args:
        net: Maps ``(N, C, *size)`` to the same number of others.
        dims: Of one map, 3 of ``(C, H, W)``.
        given: ``(*lead, C_i, *size)``, whose leads broadcast.
    """
    lead = torch.broadcast_shapes(*(x.shape[:-dims] for x in given))
    each = [x.expand(*lead, *x.shape[-dims:]) for x in given]
    joined = each[0] if len(each) == 1 else torch.cat(each, -dims)
    y: Tensor = net(joined.reshape(-1, *joined.shape[-dims:]))
    return y.reshape(*lead, *y.shape[1:])


@final
class Pyramid(nn.Module):
    """What is read of the data at each size: a residual block, then half the side, and again.

    Args:
        in_shape: Of the data, ``(C, H, W)`` or ``(C, L)``.
        channels: Of the maps at full size.
        levels: The halvings.
        blocks: Residual blocks at each size, at least 1.
        activation: Stateless, one instance for all.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        channels: int,
        levels: Sequence[Level],
        *,
        blocks: int,
        activation: nn.Module,
    ) -> None:
        super().__init__()
        shapes = [(channels, *in_shape[1:]), *(level.coarse for level in levels)]
        starts = [conv3(in_shape, channels), *(level.down() for level in levels)]
        self.stages = nn.ModuleList(
            nn.Sequential(start, *(ResidualBlock(shape, activation) for _ in range(blocks)))
            for start, shape in zip(starts, shapes, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map ``(B, *in_shape)`` to maps ``(B, C, *size)`` of each size, the largest first."""
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


def branch(shape: Sequence[int], out_channels: int, activation: nn.Module) -> nn.Sequential:
    """Return a map from maps of a shape to others of its size, which is zero to begin with."""
    width = max(8, shape[0] // 4)
    return nn.Sequential(
        group_norm(shape[0]),
        activation,
        conv3(shape, width),
        activation,
        zero_init(conv3((width, *shape[1:]), out_channels)),
    )


@final
class TopDownBlock(nn.Module):
    """The nets of one latent z of maps, which stand between h and the next h.

    h ← h + gain(h), then h ← h + W z, then a residual block. Posterior and prior start at zero.

    Args:
        shape: Of h, ``(C, *size)``.
        latent_channels: Of z.
        activation: Stateless, one instance for all.
        prior: Whether it has a net for p(z|h); else it has neither that nor a gain.
        gain: What the weights W start multiplied by: smaller where there are many blocks.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_channels: int,
        activation: nn.Module,
        *,
        prior: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        channels, *size = shape
        self.dims = len(shape)
        self.split = [2 * latent_channels, channels]
        both, params = (2 * channels, *size), 2 * latent_channels
        self.prior = branch(shape, sum(self.split), activation) if prior else None
        self.posterior = branch(both, params, activation)
        self.project = convolution(shape)(latent_channels, channels, 1)
        assert isinstance(self.project.weight, Tensor)
        self.project.weight.data *= gain
        self.after = ResidualBlock(shape, activation)

    def prior_of(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return the parameters of p(z|h) and h with its gain, ``(*lead, C, *size)``."""
        assert self.prior is not None
        params, gain = over(self.prior, self.dims, h).split(self.split, -self.dims)
        return params, h + gain

    def posterior_of(self, h: Tensor, read: Tensor) -> Tensor:
        """Return the parameters of q(z|h, x), where ``read``, ``(B, C, *size)``, is read of x."""
        return over(self.posterior, self.dims, h, read)

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """Return the next h, ``(K, B, C, *size)``, given z ``(K, B, latent_channels, *size)``."""
        return over(self.after, self.dims, h + over(self.project, self.dims, z))


@final
class LastMaps(Network):
    """The step from the last maps to the parameters of a likelihood.

    Args:
        in_shape: ``(C, *size)``.
        out_shape: Of the same size.
        activation: Stateless.
        start_at_mean: Whether it is to `start_at` the mean of the training data.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        activation: nn.Module,
        start_at_mean: bool = False,
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.start_at_mean = start_at_mean
        self.layers = nn.Sequential(
            group_norm(in_shape[0]), activation, conv3(in_shape, out_shape[0])
        )

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, *out_shape)``."""
        y: Tensor = self.layers(x)
        return y
