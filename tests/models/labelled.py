"""A labelled model: encoder, prior and decoder are given the class of an example."""

__all__ = ["Labelled"]

import torch
from torch import nn
from torch.nn.functional import one_hot

from vae.distributions import Bernoulli, Conditional, NormalPosterior
from vae.models import Model

LATENT = 3


class Joined(nn.Module):
    """A net of a flat input beside the one-hot label."""

    def __init__(self, shape, num_classes, out_shape):
        super().__init__()
        self.dims, self.num_classes, self.out_shape = len(shape), num_classes, out_shape
        size = torch.Size(shape).numel() if shape else 0
        self.net = nn.Sequential(
            nn.Linear(size + num_classes, 16),
            nn.Tanh(),
            nn.Linear(16, torch.Size(out_shape).numel()),
        )

    def forward(self, *given):
        *inputs, label = given
        code = one_hot(label, self.num_classes).to(self.net[0].weight)
        for x in inputs:
            x = x.flatten(x.dim() - self.dims)
            code = torch.cat([x, code.expand(*x.shape[:-1], -1)], -1)
        return self.net(code).unflatten(-1, self.out_shape)


class Labelled(Model):
    fields = ("x", "label")

    def __init__(self, shape, num_classes):
        super().__init__()
        q, px = NormalPosterior(LATENT), Bernoulli(shape)
        self.encoder = Conditional(Joined(shape, num_classes, q.param_shape), q)
        self.decoder = Conditional(Joined((LATENT,), num_classes, px.param_shape), px)
        self.prior = Conditional(Joined((), num_classes, q.param_shape), NormalPosterior(LATENT))

    @classmethod
    def build(cls, spec, parts):
        return cls(spec.shape, spec.num_classes)

    def run(self, batch, draws):
        label = batch["label"]
        z = draws.latent(
            "z", q=lambda: self.encoder(batch["x"], label), p=lambda: self.prior(label)
        )
        draws.observe("x", lambda: self.decoder(z, label), batch.get("x"))
