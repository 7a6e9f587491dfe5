"""Bayesian logistic regression: O-rings of the space shuttle that failed, by temperature.

The example of TensorFlow Probability's edition of Bayesian Methods for Hackers: 23 flights before
the Challenger's last. Temperature is standardised, so that weight and bias are of one size.
``python examples/logistic_regression.py``
"""

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, constraints

import vae
from vae.inference import Fit

FAHRENHEIT = torch.tensor(
    [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58.0]
)
FAILED = torch.tensor([0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1.0])
LOW = 31.0  # on the morning of the last flight
PRIOR = 5.0


def standardized(fahrenheit: Tensor | float) -> Tensor:
    """Return temperatures in deviations from the mean of all flights."""
    return (torch.as_tensor(fahrenheit) - FAHRENHEIT.mean()) / FAHRENHEIT.std()


def log_joint(weight: Tensor, bias: Tensor) -> Tensor:
    """Return log p(failed, w, b)."""
    log_prior = Normal(0.0, PRIOR).log_prob(weight) + Normal(0.0, PRIOR).log_prob(bias)
    logits = weight * standardized(FAHRENHEIT).to(weight) + bias
    return log_prior + Bernoulli(logits=logits).log_prob(FAILED.to(weight)).sum()


def fitted(*, posterior: str = "full_rank", quiet: bool = False) -> Fit:
    """Return the posterior."""
    latents = {"weight": constraints.real, "bias": constraints.real}
    return vae.fit(log_joint, latents, posterior=posterior, steps=2000, quiet=quiet)


def chance_of_failure(weight: Tensor, bias: Tensor) -> Tensor:
    """Return the probability of a failure at 31 °F."""
    return (weight * standardized(LOW) + bias).sigmoid()


if __name__ == "__main__":
    fit = fitted()
    print(fit)
    chances = fit.predict(chance_of_failure, 2000)
    print(f"at {LOW:.0f} °F an O-ring fails with probability {chances.mean():.3f}")
