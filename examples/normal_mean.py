"""The mean of a normal distribution, as in Edward's example of two normals.

Fifty observations, all 0, of N(μ, 1), and the prior N(0, 1): the posterior is N(0, 1/51), whose
standard deviation is 0.140. ``python examples/normal_mean.py``
"""

import torch
from torch import Tensor
from torch.distributions import Normal, constraints

import vae
from vae.inference import Fit

X = torch.zeros(50)


def log_joint(mu: Tensor) -> Tensor:
    """Return log p(x, μ)."""
    return Normal(0.0, 1.0).log_prob(mu) + Normal(mu, 1.0).log_prob(X).sum()


def fitted(*, quiet: bool = False) -> Fit:
    """Return the posterior."""
    return vae.fit(log_joint, {"mu": constraints.real}, steps=1000, quiet=quiet)


if __name__ == "__main__":
    print(fitted())
    print(f"exact: mean 0, sd {51**-0.5:.4f}")
