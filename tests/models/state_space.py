"""A linear-Gaussian chain as a deep Markov model, in which everything is known exactly.

z_1 ~ N(0, Q), z_t ~ N(A z_{t−1}, Q), x_t ~ N(C z_t, R). Its q(z_t | z_{t−1}, x_{t:T}) is exact, by
the message exp(h'z − z'J z / 2) ∝ p(x_{t:T} | z_t), which is carried back over the known values.
"""

import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from vae.distributions import Conditional, Joint
from vae.distributions.likelihoods import Normal as NormalHead
from vae.distributions.likelihoods.scale import FixedScale
from vae.models import DMM
from vae.models.sequences.emission import Emission

A = torch.tensor([[0.9, -0.4], [0.3, 0.7]], dtype=torch.float64)
C = torch.tensor([[1.0, 0.2], [-0.5, 0.8], [0.3, 0.6]], dtype=torch.float64)
Q = torch.tensor([0.3, 0.5], dtype=torch.float64)
SIGMA = 0.6


class Messages(nn.Module):
    """h and J of each step, from the steps after it too or from itself alone."""

    def __init__(self, looks_ahead):
        super().__init__()
        self.looks_ahead = looks_ahead

    def forward(self, inputs, length):
        values, known = inputs.chunk(2, -1)
        h, j = inputs.new_zeros(len(inputs), 2), inputs.new_zeros(len(inputs), 2, 2)
        precision, found = torch.diag(1 / Q), []
        for t in reversed(range(inputs.shape[1])):
            gain = A.T @ precision @ torch.linalg.inv(precision + j)
            ahead = float(self.looks_ahead)
            h = ahead * (gain @ h[..., None])[..., 0] + values[:, t] / SIGMA**2 @ C
            seen = torch.einsum("ij,bi,ik->bjk", C, known[:, t] / SIGMA**2, C)
            j = ahead * (A.T @ precision @ A - gain @ precision @ A) + seen
            found.append(torch.cat([h, j.flatten(1)], 1))
        return torch.stack(found[::-1], 1)


class Step(nn.Module):
    """q(z_t | z_{t−1}, h, J), exact unless it is moved."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.width = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, z, features):
        h, j = features[..., :2], features[..., 2:].unflatten(-1, (2, 2))
        covariance = torch.linalg.inv(torch.diag(1 / Q) + j)
        loc = (covariance @ (z @ A.T / Q + h)[..., None])[..., 0] + self.shift
        tril = torch.linalg.cholesky(covariance) * self.width
        return MultivariateNormal(loc, scale_tril=tril.expand(*loc.shape, 2))


def transition(z):
    return Joint(Normal(z @ A.T, Q.sqrt()), 1)


class Transition(nn.Module):
    def forward(self, z):
        return transition(z)


def state_space(steps, *, looks_ahead=True, wrong=0.0):
    """Return the model; a wrong one has its q moved and widened."""
    emit = nn.Linear(2, 3, bias=False)
    emit.weight.data = C
    head = NormalHead((3,), scale=FixedScale(SIGMA))
    model = DMM(
        Messages(looks_ahead),
        Step(),
        Transition(),
        Emission(Conditional(emit, head)),
        latent_dim=2,
        shape=(steps, 3),
        fields=("x", "length", "mask"),
    ).double()
    model.posterior.shift.data += wrong
    model.posterior.width.data += wrong
    return model


def log_p(x, known):
    """Return log p of the known values of one sequence, from their joint covariance."""
    steps = len(x)
    to_z = torch.zeros(2 * steps, 2 * steps, dtype=torch.float64)  # z = to_z · noise
    for t in range(steps):
        for s in range(t + 1):
            to_z[2 * t : 2 * t + 2, 2 * s : 2 * s + 2] = torch.linalg.matrix_power(A, t - s)
    of_z = to_z @ torch.diag(Q.repeat(steps)) @ to_z.T
    emit = torch.block_diag(*[C] * steps)
    noise = SIGMA**2 * torch.eye(3 * steps, dtype=torch.float64)
    covariance = (emit @ of_z @ emit.T + noise)[known.flatten()][:, known.flatten()]
    values = x.flatten()[known.flatten()]
    return MultivariateNormal(torch.zeros_like(values), covariance).log_prob(values)


def data(*, masked=True):
    """Return four sequences of up to six steps, one of a single step, NaN where not known."""
    generator = torch.Generator().manual_seed(3)
    length = torch.tensor([6, 1, 4, 2])
    x = torch.randn(4, 6, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(4, 6, 3, generator=generator) < (0.8 if masked else 2.0)
    known = mask & (torch.arange(6) < length[:, None])[..., None]
    batch = {"x": torch.where(known, x, torch.nan), "length": length, "mask": mask}
    exact = torch.stack([log_p(x[i], known[i]) for i in range(4)])
    return batch, exact
