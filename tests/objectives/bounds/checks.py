"""Checks of bounds, which right ones pass and mutants fail."""

from math import exp, log

import pytest
import torch
from torch.distributions import Distribution, Independent

from tests.linear_gaussian import LinearGaussian
from vae.distributions import LogScaleNormal
from vae.objectives import CIWAE, ELBO, IWAE, MIWAE, PIWAE, Renyi
from vae.objectives.iwae import log_mean_exp
from vae.trace import Latent, Observed, Trace

M, K = 3, 4  # groups, and samples in each


class Given(Distribution):
    """A likelihood of known log-densities."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, log_px):
        super().__init__(log_px.shape)
        self.log_px = log_px

    def log_prob(self, value):
        return self.log_px


def trace_of(log_w):
    """A trace of given log-weights ``(K, B)``; prior and posterior are the same."""
    zeros = torch.zeros(log_w.shape[1], 2, dtype=log_w.dtype)
    q = Independent(LogScaleNormal(zeros, zeros), 1)
    z = torch.zeros(*log_w.shape, 2, dtype=log_w.dtype, requires_grad=True)
    return Trace((Latent("z", q, q, z),), (Observed("x", Given(log_w + 0 * z.sum(-1)), zeros),))


def total(objective, trace):
    return sum(objective(trace).values())


# Plain loops over the log-weights of one example.


def plain_mean(values):
    return sum(values) / len(values)


def plain_iwae(log_w):
    return log(sum(exp(lw) for lw in log_w) / len(log_w))


def plain_miwae(log_w):
    bounds = []
    for m in range(M):
        group = [log_w[m * K + k] for k in range(K)]
        bounds.append(plain_iwae(group))
    return plain_mean(bounds)


def plain_renyi(log_w, alpha):
    power = sum(exp(lw) ** (1 - alpha) for lw in log_w) / len(log_w)
    return log(power) / (1 - alpha)


BOUNDS = {
    "elbo": (lambda **kw: ELBO(num_samples=M * K, **kw), plain_mean),
    "iwae": (lambda **kw: IWAE(num_samples=M * K, **kw), plain_iwae),
    "miwae": (lambda **kw: MIWAE(num_groups=M, group_size=K, **kw), plain_miwae),
    "piwae": (lambda **kw: PIWAE(num_groups=M, group_size=K, **kw), plain_iwae),
    "ciwae": (
        lambda **kw: CIWAE(0.3, num_samples=M * K, **kw),
        lambda log_w: 0.3 * plain_mean(log_w) + 0.7 * plain_iwae(log_w),
    ),
    "renyi 0.5": (
        lambda **kw: Renyi(0.5, num_samples=M * K, **kw),
        lambda log_w: plain_renyi(log_w, 0.5),
    ),
    "renyi -1": (
        lambda **kw: Renyi(-1.0, num_samples=M * K, **kw),
        lambda log_w: plain_renyi(log_w, -1.0),
    ),
    "renyi 2": (
        lambda **kw: Renyi(2.0, num_samples=M * K, **kw),
        lambda log_w: plain_renyi(log_w, 2.0),
    ),
}
OF_LOG_WEIGHTS = [name for name in BOUNDS if name != "elbo"]


def check_loops(objective, plain):
    """The objective is the negative mean over examples of the plain bound."""
    log_w = 2 * torch.randn(M * K, 5) - 3
    expected = -plain_mean([plain(example) for example in log_w.T.tolist()])
    assert total(objective, trace_of(log_w)).item() == pytest.approx(expected, rel=1e-12)


def check_limits_of_groups(build):
    log_w = torch.randn(M * K, 5)
    one_group = build(num_groups=1, group_size=M * K).value(log_w)
    assert torch.allclose(one_group, log_mean_exp(log_w), rtol=0, atol=1e-13)
    groups_of_one = build(num_groups=M * K, group_size=1).value(log_w)
    assert torch.allclose(groups_of_one, log_w.mean(0), rtol=0, atol=1e-13)


# Against the exact log p(x) of a linear-Gaussian model.


def gold_draws(num_samples, repeats=3000):
    """The exact log p(x) of one x, and log-weights of independent repeats, as a batch."""
    gold = LinearGaussian()
    x = gold.marginal.sample((1,))
    with torch.no_grad():
        trace = gold.factorised(width=1.6)(x.expand(repeats, -1), num_samples=num_samples)
        return gold.log_p(x).item(), trace.log_weight


def mean_and_error(values):
    return values.mean().item(), values.std().item() / len(values) ** 0.5


def check_rise_to_the_likelihood(iwae):
    log_p, log_w = gold_draws(64)
    gap, error = mean_and_error(log_p - log_w.mean(0))
    assert gap > 4 * error
    for k in (1, 4, 16, 64):
        # Paired by the samples that they share.
        last, (gap, error) = gap, mean_and_error(log_p - iwae(log_w[:k]))
        assert gap > -3 * error
        fall, noise = mean_and_error(iwae(log_w[:k]) - iwae(log_w[: max(1, k // 4)]))
        assert k == 1 or fall > 4 * noise
        assert gap < last + 3 * error
    assert gap < 0.05
    mean_w, error_w = mean_and_error((log_w - log_p).exp().mean(0))
    assert abs(mean_w - 1) < 4 * error_w
