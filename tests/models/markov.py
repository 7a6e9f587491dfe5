"""A masked deep Markov model: z.t given z.(t−1), of sequences of unequal lengths."""

import torch
from torch import nn
from torch.distributions import Normal

from vae.distributions import Joint
from vae.models import Model

LATENT = 2


class Cell(nn.Module):
    """One step: q(z_t | z_(t−1), h_t), p(z_t | z_(t−1)) and p(x_t | z_t)."""

    def __init__(self, dim, hidden=8):
        super().__init__()
        self.transition = nn.Linear(LATENT, LATENT)
        self.combine = nn.Linear(LATENT + hidden, 2 * LATENT)
        self.emission = nn.Linear(LATENT, dim)

    def q(self, z, h):
        loc, raw = self.combine(torch.cat([z, h.expand(*z.shape[:-1], -1)], -1)).chunk(2, -1)
        return loc, nn.functional.softplus(raw) + 0.01


class DeepMarkov(Model):
    fields = ("x", "mask")  # (B, T, D), and (B, T): 1 up to the length of the sequence

    def __init__(self, steps, dim):
        super().__init__()
        self.steps = steps
        self.gru = nn.GRU(dim, 8, batch_first=True)
        self.cell = Cell(dim)

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
                q=lambda z=z, t=t: normal(*self.cell.q(z, h()[:, t])),
                p=normal(self.cell.transition(z), 1.0),
                weight=mask[:, t],
            )
            chain.append(z)
        draws.observe(
            "x",
            lambda: normal(self.cell.emission(torch.stack(chain, -2)), 1.0, dims=2),
            batch.get("x"),
            mask=mask[..., None] > 0,
        )


def normal(loc, scale, dims=1):
    return Joint(Normal(loc, scale), dims)
