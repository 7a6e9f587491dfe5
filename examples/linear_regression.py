"""Bayesian linear regression, as in Edward's tutorial on supervised learning.

Forty rows of ten features; weights and bias have the prior N(0, 1), and the noise is known, so that
the posterior is a normal distribution that can be computed exactly. A full-rank fit has it; a
mean-field fit has its means, and deviations that are too small where weights depend on each other.
``python examples/linear_regression.py``
"""

import torch
from torch import Tensor
from torch.distributions import Normal, constraints

import vae
from vae.inference import Fit

ROWS, FEATURES, NOISE = 40, 10, 0.1
noise = torch.Generator().manual_seed(0)
X = torch.randn(ROWS, FEATURES, generator=noise)
Y = X @ torch.randn(FEATURES, generator=noise) + NOISE * torch.randn(ROWS, generator=noise)


def log_joint(weight: Tensor, bias: Tensor) -> Tensor:
    """Return log p(y, w, b)."""
    log_prior = Normal(0.0, 1.0).log_prob(weight).sum() + Normal(0.0, 1.0).log_prob(bias)
    return log_prior + Normal(X @ weight + bias, NOISE).log_prob(Y).sum()


def exact() -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of weights and bias, ``(11,)`` each."""
    x = torch.cat([X, torch.ones(ROWS, 1)], 1).double()
    precision = torch.eye(FEATURES + 1).double() + x.T @ x / NOISE**2
    covariance = torch.linalg.inv(precision)
    return covariance @ (x.T @ Y.double()) / NOISE**2, covariance.diagonal().sqrt()


def fitted(*, posterior: str = "full_rank", quiet: bool = False) -> Fit:
    """Return the posterior."""
    latents = {"weight": (constraints.real, (FEATURES,)), "bias": constraints.real}
    return vae.fit(log_joint, latents, posterior=posterior, steps=3000, lr=0.03, quiet=quiet)


if __name__ == "__main__":
    print(fitted())
    mean, deviation = exact()
    print("exact means     ", " ".join(f"{m:.3f}" for m in mean))
    print("exact deviations", " ".join(f"{d:.4f}" for d in deviation))
