"""A model whose reconstructions and samples are real pictures, done something to."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vae.models import Model


class OneOf(Distribution):
    """One of some pictures."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures
        super().__init__(event_shape=pictures.shape[1:], validate_args=False)

    def sample(self, sample_shape=()) -> Tensor:
        return self.pictures[torch.randint(len(self.pictures), sample_shape)]


class Copier(Model):
    """Its latents are the pictures themselves; what it makes of them is up to ``spoil``."""

    def __init__(self, pictures: Tensor, spoil: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.pictures = nn.Parameter(pictures, requires_grad=False)
        self.spoil = spoil

    @classmethod
    def build(cls, spec, parts):
        raise NotImplementedError

    def run(self, batch, draws):
        z = draws.latent("z", q=lambda: around(batch["x"]), p=OneOf(self.pictures))
        draws.observe("x", lambda: around(self.spoiled(z)), batch.get("x"))

    def spoiled(self, z: Tensor) -> Tensor:
        return self.spoil(z.flatten(0, -4)).unflatten(0, z.shape[:-3])


def around(x: Tensor) -> Distribution:
    return Independent(Normal(x, 1.0, validate_args=False), 3)


def squares(n: int, *, side: int = 24, channels: int = 1) -> tuple[Tensor, Tensor]:
    """Return bright squares on dark ground, ``(n, channels, side, side)``, and their quarters."""
    generator = torch.Generator().manual_seed(0)
    quarter = torch.randint(4, (n,), generator=generator)
    corner = torch.randint(side // 4, (n, 2), generator=generator)
    corner += torch.stack([quarter // 2, quarter % 2], 1) * (side // 2)
    place = torch.arange(side)
    inside = (place >= corner[..., None]) & (place < corner[..., None] + side // 3)
    x = (inside[:, 0, :, None] & inside[:, 1, None]).float()
    return x[:, None].expand(-1, channels, -1, -1).contiguous(), quarter
