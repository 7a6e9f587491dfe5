"""A hierarchy of maps of several sizes, each block a residual step down: the very deep VAE."""

__all__ = ["VDVAE"]

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.checks import check_int
from vae.distributions import (
    Conditional,
    Head,
    Likelihood,
    NormalMaps,
    NormalPosterior,
    normal_maps,
    relative_maps,
)
from vae.draws import Draws
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.networks.blocks import ResidualBlock
from vae.networks.levels import Level, plan_levels
from vae.networks.normalized import normalized
from vae.networks.resnet import enlarge
from vae.networks.top_down import LastMaps, Pyramid, TopDownBlock, over
from vae.parts import Parts
from vae.spec import DataSpec


class VDVAE(Model):
    r"""Maps z_1, …, z_L of several sizes, in residual blocks from the smallest to the data's size.

    A state h runs down. Each block reads it for p(z_i|z_{>i}), and h with what a net found in x at
    its size for q(z_i|z_{>i}, x), and adds what z_i says to it. The latents are called ``zL``, the
    smallest and first, to ``z1``.

    Args:
        pyramid: Finds maps of each size in x, the largest first.
        steps: What runs on the way down, in order: a `TopDownBlock`, or a net of h alone.
        decoder: p(x|h) of the last h.
        prior: p(z_L).
        latent_channels: Of each latent.
        start: Shape of the first h, ``(C, *size)``.
        relative: Whether mean and width of a posterior are relative to those of its prior, as in
            NVAE, and start there; below the highest.
        standardize: What stands between x and the nets, if the data are to be standardised.

    References:
        Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images
        (Child, 2020), 2011.10650.
        NVAE: A Deep Hierarchical Variational Autoencoder (Vahdat, Kautz, 2020), 2007.03898.
    """

    drawn_at_once = 512

    def __init__(
        self,
        pyramid: nn.Module,
        steps: Sequence[nn.Module],
        decoder: Conditional,
        prior: nn.Module,
        *,
        latent_channels: int,
        start: Sequence[int],
        relative: bool = True,
        standardize: Standardize | None = None,
    ) -> None:
        super().__init__(standardize)
        self.pyramid, self.steps, self.decoder = pyramid, nn.ModuleList(steps), decoder
        self.prior, self.relative, self.latent_channels = prior, relative, latent_channels
        self.start, self.dims = nn.Parameter(torch.zeros(*start)), len(start)

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        channels: Sequence[int],
        blocks: Sequence[int],
        latent_channels: int = 4,
        read_blocks: int = 1,
        relative: bool = True,
        normalization: Literal["weight", "spectral"] | None = None,
        start_at_mean: bool = False,
    ) -> Self:
        """Build it of the groups prior and likelihood; see `Model.build`.

        Args:
            spec: Of the data, pictures ``(C, H, W)`` or signals ``(C, L)``.
            parts: The other groups.
            channels: Of the maps at each size, at least 1; each size after the first is half of it.
            blocks: Latents at each size, from the data's inwards, at least 0.
            latent_channels: Of each latent, at least 1.
            read_blocks: Residual blocks of each size that look at x, at least 1.
            relative: Whether posteriors are relative to their priors.
            normalization: Of the convolutions' weights; see `vae.networks.normalized`.
            start_at_mean: Whether the output starts at the log-odds of the mean picture.

        Raises:
            ValueError: If the data have no such size, there is no latent at the smallest, or the
                posterior is not the normal one.
        """
        check_normal(parts.posterior(latent_dim=1))
        check_int("model.latent_channels", latent_channels)
        check_int("model.read_blocks", read_blocks)
        activation, likelihood = nn.SiLU(), parts.likelihood(spec)
        top = (channels[0], *spec.shape[1:]) if channels else ()
        levels = plan_levels(top, channels[1:], kernel_size=3)
        shapes = [top, *(level.coarse for level in levels)]
        check_blocks(blocks, channels, shapes)
        pyramid = Pyramid(
            spec.shape, channels[0], levels, blocks=read_blocks, activation=activation
        )
        out = LastMaps(
            top, likelihood.param_shape, activation=activation, start_at_mean=start_at_mean
        )
        return cls(
            normalized(pyramid, normalization),
            [
                normalized(step, normalization)
                for step in way_down(shapes, levels, blocks, latent_channels, activation)
            ],
            Conditional(out, likelihood),
            parts.prior(NormalMaps((latent_channels, *shapes[-1][1:]))),
            latent_channels=latent_channels,
            start=shapes[-1],
            relative=relative,
            standardize=Standardize(spec.shape) if spec.standardized else None,
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|h)."""
        return self.decoder.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Look at x once, then run down the blocks, of which each chooses its latent."""
        read = draws.infer(lambda: self.look(batch["x"]))
        h: Tensor = self.start
        p: Any = self.prior
        left = sum(isinstance(step, TopDownBlock) for step in self.steps)
        for step in self.steps:
            if not isinstance(step, TopDownBlock):
                h = over(step, self.dims, h)
                continue
            size, before = h.shape[1 - self.dims :], h
            if step.prior is not None:
                params, h = step.prior_of(h)
                p = normal_maps(params, self.dims)
            q = partial(self.posterior, step, before, read, p)
            z = draws.latent(f"z{left}", q=q, p=p, event=(self.latent_channels, *size))
            h, left = step(h, z), left - 1
        draws.observe("x", lambda: self.restored(self.decoder(h)), batch.get("x"))

    def look(self, x: Tensor) -> dict[tuple[int, ...], Tensor]:
        """Return the maps that the pyramid finds, by their size."""
        return {maps.shape[2:]: maps for maps in self.pyramid(self.standardized(x))}

    def posterior(
        self, step: TopDownBlock, h: Tensor, read: Callable[[], Any], p: Any
    ) -> Distribution:
        """Return q of a block, whose prior is p."""
        params = step.posterior_of(h, read()[h.shape[1 - self.dims :]])
        if self.relative and step.prior is not None:
            return relative_maps(params, p)
        return normal_maps(params, self.dims)


def check_normal(posterior: Head) -> None:
    """Refuse another posterior than the normal one.

    Raises:
        ValueError: Naming it.
    """
    if not isinstance(posterior, NormalPosterior):
        raise ValueError(
            f"model=vdvae has normal latents; got posterior {type(posterior).__name__}: use "
            "posterior=normal"
        )


def check_blocks(
    blocks: Sequence[int], channels: Sequence[int], shapes: Sequence[Sequence[int]]
) -> None:
    """Refuse blocks of other sizes than there are.

    Raises:
        ValueError: Saying how many there are.
    """
    if not len(blocks) == len(channels) == len(shapes):
        sizes = ", ".join("×".join(map(str, shape[1:])) for shape in shapes)
        raise ValueError(
            f"model.channels and model.blocks hold a number for each of the sizes {sizes}, or of "
            f"the first of them; got {list(channels)} and {list(blocks)}"
        )
    if min(blocks) < 0 or not blocks[-1]:
        raise ValueError(f"the last of model.blocks must be at least 1; got {list(blocks)}")


def way_down(
    shapes: Sequence[Sequence[int]],
    levels: Sequence[Level],
    blocks: Sequence[int],
    latent_channels: int,
    activation: nn.Module,
) -> list[nn.Module]:
    """Return what runs on the way down, from the smallest size; see `VDVAE.build`.

    The first block has no net for its prior. A size without latents has a residual block.
    """
    steps: list[nn.Module] = []
    gain = sum(blocks) ** -0.5
    for i in reversed(range(len(shapes))):
        steps += [nn.Sequential(*enlarge(levels[i]))] if i < len(levels) else []
        block = partial(TopDownBlock, shapes[i], latent_channels, activation, gain=gain)
        plain = ResidualBlock(shapes[i], activation)
        steps += [block(prior=bool(steps) or n > 0) for n in range(blocks[i])] or [plain]
    return steps
