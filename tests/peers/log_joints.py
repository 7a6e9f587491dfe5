"""Five log-joints of named values, written with torch alone; peers' models must have the same."""

import torch
from torch.distributions import (
    Beta,
    Dirichlet,
    HalfCauchy,
    HalfNormal,
    LKJCholesky,
    LogNormal,
    MultivariateNormal,
    Normal,
    Uniform,
    constraints,
)

real, positive = constraints.real, constraints.positive
EFFECTS = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]).double()
ERRORS = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]).double()
noise = torch.Generator().manual_seed(3)
ROWS = torch.randn(30, 3, generator=noise, dtype=torch.float64)
RESPONSE = ROWS @ torch.tensor([1.0, -2.0, 0.5]).double() + 0.3
POINTS = torch.cat([ROWS[:15, 0] - 2, ROWS[15:, 0] + 2])


def normal_mean(mu):
    return Normal(1.0, 2.0).log_prob(mu) + Normal(mu, 0.5).log_prob(ROWS[:, 0]).sum()


def regression(weight, bias, scale):
    log_prior = Normal(0.0, 3.0).log_prob(weight).sum() + Normal(0.0, 10.0).log_prob(bias)
    log_prior = log_prior + HalfNormal(2.0).log_prob(scale)
    return log_prior + Normal(ROWS @ weight + bias, scale).log_prob(RESPONSE).sum()


def centred(mu, tau, theta):
    log_prior = Normal(0.0, 5.0).log_prob(mu) + HalfCauchy(5.0).log_prob(tau)
    log_prior = log_prior + Normal(mu, tau).log_prob(theta).sum()
    return log_prior + Normal(theta, ERRORS).log_prob(EFFECTS).sum()


def non_centred(mu, tau, eta):
    log_prior = Normal(0.0, 5.0).log_prob(mu) + HalfCauchy(5.0).log_prob(tau)
    log_prior = log_prior + Normal(0.0, 1.0).log_prob(eta).sum()
    return log_prior + Normal(mu + tau * eta, ERRORS).log_prob(EFFECTS).sum()


def mixture(share, loc, scale):
    log_prior = Dirichlet(torch.ones(3).double()).log_prob(share)
    log_prior = log_prior + Normal(0.0, 3.0).log_prob(loc).sum()
    log_prior = log_prior + LogNormal(0.0, 1.0).log_prob(scale)
    each = share.log() + Normal(loc, scale).log_prob(POINTS[:, None])
    return log_prior + each.logsumexp(-1).sum()


def correlated(factor, scale, level, share):
    log_prior = LKJCholesky(3, 2.0).log_prob(factor) + HalfNormal(1.0).log_prob(scale).sum()
    log_prior = log_prior + Uniform(-1.0, 2.0).log_prob(level) + Beta(2.0, 3.0).log_prob(share)
    loc = level * torch.stack([share, 1 - share, share * 0])
    px = MultivariateNormal(loc, scale_tril=scale[:, None] * factor)
    return log_prior + px.log_prob(ROWS).sum()


LOG_JOINTS = {
    normal_mean: {"mu": real},
    regression: {"weight": (real, (3,)), "bias": real, "scale": positive},
    centred: {"mu": real, "tau": positive, "theta": (real, (8,))},
    non_centred: {"mu": real, "tau": positive, "eta": (real, (8,))},
    mixture: {"share": (constraints.simplex, (3,)), "loc": (real, (3,)), "scale": positive},
    correlated: {
        "factor": (constraints.corr_cholesky, (3, 3)),
        "scale": (positive, (3,)),
        "level": constraints.interval(-1.0, 2.0),
        "share": constraints.unit_interval,
    },
}
