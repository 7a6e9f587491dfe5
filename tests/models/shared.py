"""A model with shared weights: the decoder's matrix is a latent that all examples share."""

__all__ = ["SharedWeights"]

import torch
from torch import nn
from torch.distributions import Normal

from vae.distributions import Joint, LogScaleNormal
from vae.models import Model

LATENT = 2


class SharedWeights(Model):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        size = torch.Size(shape).numel()
        self.loc = nn.Parameter(0.1 * torch.randn(LATENT, size))
        self.log_scale = nn.Parameter(torch.full((LATENT, size), -2.0))
        self.encoder = nn.Linear(size, 2 * LATENT)

    @classmethod
    def build(cls, spec, parts):
        return cls(spec.shape)

    def q(self, x):
        loc, log_scale = self.encoder(x.flatten(1)).chunk(2, -1)
        return Joint(LogScaleNormal(loc, log_scale.clamp(-5, 2)), 1)

    def run(self, batch, draws):
        zeros = torch.zeros_like(self.loc)
        w = draws.latent(
            "w",
            q=lambda: Joint(LogScaleNormal(self.loc, self.log_scale), 2),
            p=Joint(LogScaleNormal(zeros, zeros), 2),
            shared=True,
        )
        z = draws.latent("z", q=lambda: self.q(batch["x"]), p=Joint(Normal(zeros[:, 0], 1.0), 1))

        def px():
            mean = (z.unsqueeze(-2) @ w).squeeze(-2).unflatten(-1, self.shape)
            return Joint(Normal(mean, 0.5), len(self.shape))

        draws.observe("x", px, batch.get("x"))
