"""Eight schools: how well coaching works, and how much that differs from school to school.

The example of Stan, TensorFlow Probability, Edward, Pyro and NumPyro. Written with the effects
themselves as latents ("centred") the posterior is a funnel, which no normal distribution fits; with
standardised effects ("non-centred") it is nearly normal. ``python examples/eight_schools.py``

References:
    Estimation in Parallel Randomized Experiments (Rubin, 1981).
    Automatic Reparameterisation of Probabilistic Programs (Gorinova, Moore, Hoffman, 2019),
    1906.03028.
"""

import torch
from torch import Tensor
from torch.distributions import HalfCauchy, LogNormal, Normal, constraints

import vae
from vae.inference import Fit

EFFECTS = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
PRIORS = {  # of μ and τ
    "stan": (Normal(0.0, 5.0), HalfCauchy(5.0)),  # Pyro and NumPyro too
    "tfp": (Normal(0.0, 10.0), LogNormal(5.0, 1.0)),
}


def fitted(
    *, prior: str = "stan", centred: bool = False, posterior: str = "full_rank", quiet: bool = False
) -> Fit:
    """Return the posterior of the mean μ, the deviation τ, and the effects of the schools."""
    of_mu, of_tau = PRIORS[prior]

    def centred_joint(mu: Tensor, tau: Tensor, theta: Tensor) -> Tensor:
        log_prior = (
            of_mu.log_prob(mu) + of_tau.log_prob(tau) + Normal(mu, tau).log_prob(theta).sum()
        )
        return log_prior + Normal(theta, ERRORS).log_prob(EFFECTS).sum()

    def log_joint(mu: Tensor, tau: Tensor, eta: Tensor) -> Tensor:
        log_prior = of_mu.log_prob(mu) + of_tau.log_prob(tau) + Normal(0.0, 1.0).log_prob(eta).sum()
        return log_prior + Normal(mu + tau * eta, ERRORS).log_prob(EFFECTS).sum()

    latents = {"mu": constraints.real, "tau": constraints.positive}
    latents |= {"theta" if centred else "eta": (constraints.real, (8,))}
    chosen = centred_joint if centred else log_joint
    return vae.fit(
        chosen,
        latents,
        posterior=posterior,
        estimator="stl",
        num_samples=20,
        steps=1000 if centred else 2000,
        lr=0.03,
        quiet=quiet,
    )


if __name__ == "__main__":
    for centred in (False, True):
        print("\ncentred" if centred else "non-centred")
        print(fitted(centred=centred))
