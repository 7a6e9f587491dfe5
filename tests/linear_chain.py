"""A linear-Gaussian model of two latents, z2 given z1, in which everything is known exactly.

z1 ~ N(0, I), z2 ~ N(A z1, I/4), x ~ N(W z2 + V z1, I). Its posterior is the chain of q(z1|x) and
q(z2|z1, x), two normal distributions with linear means, which the encoder can say.
"""

import torch
from torch import nn
from torch.distributions import MultivariateNormal

from vae.models import Model

LATENT, DATA = 2, 3


class Normals(nn.Module):
    """A normal distribution whose mean is linear in what is given."""

    def __init__(self, num_given, size):
        super().__init__()
        self.net = nn.Linear(num_given, size)
        self.tril = nn.Parameter(torch.eye(size))

    def forward(self, *given):
        lead = max((g.shape[:-1] for g in given), key=len)
        loc = self.net(torch.cat([g.expand(*lead, -1) for g in given], -1))
        return MultivariateNormal(loc, scale_tril=self.tril.tril())

    def set(self, weight, covariance):
        self.net.weight.data, self.net.bias.data = weight, torch.zeros(len(weight))
        self.tril.data = torch.linalg.cholesky(covariance)


class LinearChain(Model):
    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([Normals(DATA, LATENT), Normals(LATENT + DATA, LATENT)])
        self.decoder, self.prior = Normals(2 * LATENT, DATA), Normals(LATENT, LATENT)
        a = torch.tensor([[0.8, -0.3], [0.2, 0.6]])
        w = torch.tensor([[1.0, 0.5, 0.3, 0.0], [-0.4, 1.2, 0.0, 0.2], [0.7, 0.1, -0.5, 0.4]])
        eye = torch.eye(LATENT)
        self.prior.set(a, eye / 4)
        self.decoder.set(w, torch.eye(DATA))
        joint = torch.cat([torch.cat([eye, a.T], 1), torch.cat([a, a @ a.T + eye / 4], 1)])
        w = torch.cat([w[:, LATENT:], w[:, :LATENT]], 1)  # of z1, then of z2
        cross = joint @ w.T
        self.marginal = MultivariateNormal(torch.zeros(DATA), w @ cross + torch.eye(DATA))
        gain = torch.linalg.solve(self.marginal.covariance_matrix, cross.T).T
        posterior = joint - gain @ cross.T
        s11, s21 = posterior[:LATENT, :LATENT], posterior[LATENT:, :LATENT]
        b = torch.linalg.solve(s11, s21.T).T
        self.encoder[0].set(gain[:LATENT], s11)
        self.encoder[1].set(
            torch.cat([b, gain[LATENT:] - b @ gain[:LATENT]], 1),
            posterior[LATENT:, LATENT:] - b @ s21.T,
        )

    @classmethod
    def build(cls, spec, parts):
        return cls()

    def disturbed(self):
        for part in self.encoder:
            part.net.weight.data += 0.1
            part.tril.data *= 1.3
        return self

    def run(self, batch, draws):
        first, second = self.encoder
        eye = torch.eye(LATENT)
        p = MultivariateNormal(torch.zeros(LATENT), eye)
        z1 = draws.latent("z1", q=lambda: first(batch["x"]), p=p)
        z2 = draws.latent("z2", q=lambda: second(z1, batch["x"]), p=self.prior(z1))
        draws.observe("x", lambda: self.decoder(z2, z1), batch.get("x"))
