"""A ladder of three spatial latents, each given the one above it: z3 → z2 → z1 → x."""

__all__ = ["Ladder"]

import torch
from torch import nn
from torch.distributions import Bernoulli

from vae.distributions import Joint, LogScaleNormal
from vae.models import Model

CHANNELS, WIDTH = 2, 8  # of each latent, and of what the encoder sees beside it


class Convolution(nn.Conv2d):
    """Of maps with any number of dimensions before their three, joined by channels."""

    def forward(self, *given):
        lead = max((x.shape[:-3] for x in given), key=len)
        x = torch.cat([x.expand(*lead, *x.shape[-3:]) for x in given], -3)
        return super().forward(x.flatten(0, -4)).unflatten(0, lead)


class Ladder(Model):
    def __init__(self, channels, side):
        super().__init__()
        inputs = [channels, WIDTH, WIDTH]
        self.up = nn.ModuleList(Convolution(c, WIDTH, 3, padding=1) for c in inputs)
        self.q = nn.ModuleList(Convolution(c, 4, 1) for c in (10, 10, WIDTH))
        self.p = nn.ModuleList(Convolution(CHANNELS, 4, 1) for _ in range(2))
        self.decoder = Convolution(CHANNELS, channels, 3, padding=1)
        self.register_buffer("top", torch.zeros(2 * CHANNELS, side // 4, side // 4))

    @classmethod
    def build(cls, spec, parts):
        return cls(spec.shape[0], spec.shape[-1])

    def features(self, x):
        found = [self.up[0](x).relu()]
        for layer in self.up[1:]:
            found.append(layer(nn.functional.avg_pool2d(found[-1], 2)).relu())
        return found

    def run(self, batch, draws):
        h = draws.infer(lambda: self.features(batch["x"]))
        z = draws.latent("z3", q=lambda: normal(self.q[2](h()[2])), p=normal(self.top))
        for i in (1, 0):
            s = z.repeat_interleave(2, -1).repeat_interleave(2, -2)
            z = draws.latent(
                f"z{i + 1}",
                q=lambda i=i, s=s: normal(self.q[i](h()[i], s)),
                p=lambda i=i, s=s: normal(self.p[i](s)),
            )
        draws.observe("x", lambda: Joint(Bernoulli(logits=self.decoder(z)), 3), batch.get("x"))


def normal(params):
    loc, log_scale = params.chunk(2, -3)
    return Joint(LogScaleNormal(loc, log_scale.clamp(-5, 2)), 3)
