"""A ladder of three spatial latents, each given those above it: z3 → z2 → z1 → x."""

import torch
from torch import nn
from torch.distributions import Bernoulli

from vae.distributions import Conditional, Joint, LogScaleNormal
from vae.models import Model

SIDES = (4, 8, 16)  # of z3, z2 and z1; a picture is as large as the last
CHANNELS, WIDTH = 2, 8


class NormalMap(nn.Module):
    """Maps of means and logarithms of scales to a normal distribution of a whole map."""

    def forward(self, params):
        loc, log_scale = params.chunk(2, -3)
        return Joint(LogScaleNormal(loc, log_scale.clamp(-5, 2)), 3)


class Convolution(nn.Conv2d):
    """A convolution for maps with any number of dimensions before their three."""

    def forward(self, *given):
        lead = max((x.shape[:-3] for x in given), key=len)
        x = torch.cat([x.expand(*lead, *x.shape[-3:]) for x in given], -3)
        return super().forward(x.flatten(0, -4)).unflatten(0, lead)


def enlarged(x):
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Ladder(Model):
    def __init__(self, channels=1):
        super().__init__()
        self.up = nn.ModuleList(
            Convolution(channels if side == 16 else WIDTH, WIDTH, 3, padding=1) for side in SIDES
        )
        above = [0, CHANNELS, CHANNELS]
        self.q = nn.ModuleList(
            Conditional(Convolution(WIDTH + c, 2 * CHANNELS, 1), NormalMap()) for c in above
        )
        self.p = nn.ModuleList(
            Conditional(Convolution(c, 2 * CHANNELS, 1), NormalMap()) for c in above[1:]
        )
        self.decoder = Convolution(CHANNELS, channels, 3, padding=1)
        self.register_buffer("top", torch.zeros(CHANNELS, SIDES[0], SIDES[0]))

    @classmethod
    def build(cls, spec, parts):
        return cls(spec.shape[0])

    def features(self, x):
        found = [self.up[2](x).relu()]
        for layer in (self.up[1], self.up[0]):
            found.append(layer(nn.functional.avg_pool2d(found[-1], 2)).relu())
        return found[::-1]

    def run(self, batch, draws):
        h = draws.infer(lambda: self.features(batch["x"]))
        p = Joint(LogScaleNormal(self.top, torch.zeros_like(self.top)), 3)
        z = draws.latent("z3", q=lambda: self.q[0](h()[0]), p=p)
        for i in (1, 2):
            s = enlarged(z)
            z = draws.latent(
                f"z{3 - i}",
                q=lambda i=i, s=s: self.q[i](h()[i], s),
                p=lambda i=i, s=s: self.p[i - 1](s),
            )
        draws.observe("x", lambda: self.px(z), batch.get("x"))

    def px(self, z):
        return Joint(Bernoulli(logits=self.decoder(z), validate_args=False), 3)
