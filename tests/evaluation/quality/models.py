"""A model whose reconstructions and samples are real pictures, done something to."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vae.models import Model


class Copier(Model):
    """Its latents are the pictures themselves; what it makes of them is up to ``spoil``."""

    def __init__(self, pictures: Tensor, spoil: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.pictures = nn.Parameter(pictures, requires_grad=False)
        self.spoil = spoil

    @property
    def likelihood(self):
        raise NotImplementedError

    def forward(self, x, context=None, num_samples=1):
        raise NotImplementedError

    def encode(self, x, context=None):
        raise NotImplementedError

    def log_weights(self, x, context=None, *, num_samples, max_rows=4096):
        raise NotImplementedError

    def decode(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        return Independent(Normal(self.spoil(z), 1.0, validate_args=False), 3)

    def embed(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return x

    def sample_latents(self, n: int, *, temperature: float = 1.0) -> Tensor:
        return self.pictures[torch.randint(len(self.pictures), (n,))]


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
