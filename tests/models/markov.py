"""A masked deep Markov model: z.t given z.(t−1), of sequences of unequal lengths."""

__all__ = ["DeepMarkov"]

from functools import partial

import torch
from torch import nn
from torch.distributions import Normal

from vae.distributions import Joint
from vae.models import Model

LATENT = 2


class Cell(nn.Linear):
    """Mean and width of q(z_t | z_(t−1), h_t)."""

    def forward(self, z, h):
        loc, raw = super().forward(torch.cat([z, h.expand(*z.shape[:-1], -1)], -1)).chunk(2, -1)
        return loc, nn.functional.softplus(raw) + 0.01


class DeepMarkov(Model):
    fields = ("x", "mask")  # (B, T, D), and (B, T): 1 up to the length of the sequence
    compiled_parts = ("cell",)

    def __init__(self, steps, dim):
        super().__init__()
        self.steps = steps
        self.gru = nn.GRU(dim, 8, batch_first=True)
        self.cell = Cell(LATENT + 8, 2 * LATENT)
        self.transition, self.emission = nn.Linear(LATENT, LATENT), nn.Linear(LATENT, dim)

    @classmethod
    def build(cls, spec, parts):
        return cls(*spec.shape)

    def features(self, batch):
        x = torch.where(batch["mask"][..., None] > 0, batch["x"], 0.0)
        return self.gru(x.flip(1))[0].flip(1)  # h_t has seen x_t, x_(t+1), …

    def run(self, batch, draws):
        mask, h = batch["mask"], draws.infer(lambda: self.features(batch))
        z, chain = mask.new_zeros(len(mask), LATENT), []
        for t in range(self.steps):
            z = draws.latent(
                f"z.{t}",
                q=lambda z=z, t=t: normal(*self.cell(z, h()[:, t])),
                p=normal(self.transition(z), 1.0),
                weight=mask[:, t],
            )
            chain.append(z)
        px = partial(self.px, chain)
        draws.observe("x", px, batch.get("x"), mask=mask[..., None] > 0)

    def px(self, chain):
        return normal(self.emission(torch.stack(chain, -2)), 1.0, dims=2)


def normal(loc, scale, dims=1):
    return Joint(Normal(loc, scale), dims)
