"""A mixture of two normal distributions of the plane, as in Edward's tutorial.

Which component a point is from is a discrete latent: it is summed over in the log-joint, so that
what is left is continuous. Components may be exchanged without a change of the density; `start`
says which is which. ``python examples/mixture.py``
"""

import torch
from torch import Tensor
from torch.distributions import Dirichlet, InverseGamma, Normal, constraints

import vae
from vae.inference import Fit

CENTRES, SCALE, SHARES = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), 0.1, torch.tensor([0.4, 0.6])
noise = torch.Generator().manual_seed(0)
COMPONENT = torch.multinomial(SHARES, 500, replacement=True, generator=noise)
X = CENTRES[COMPONENT] + SCALE * torch.randn(500, 2, generator=noise)


def log_joint(share: Tensor, loc: Tensor, variance: Tensor) -> Tensor:
    """Return log p(x, shares, centres, variances)."""
    log_prior = Dirichlet(torch.ones(2)).log_prob(share) + Normal(0.0, 1.0).log_prob(loc).sum()
    log_prior = log_prior + InverseGamma(torch.ones(()), torch.ones(())).log_prob(variance).sum()
    each = Normal(loc, variance.sqrt()).log_prob(X[:, None]).sum(-1)  # (500, 2)
    return log_prior + (share.log() + each).logsumexp(-1).sum()


def fitted(*, quiet: bool = False) -> Fit:
    """Return the posterior."""
    latents = {
        "share": (constraints.simplex, (2,)),
        "loc": (constraints.real, (2, 2)),
        "variance": (constraints.positive, (2, 2)),
    }
    start = {"share": [0.5, 0.5], "loc": [[0.5, 0.5], [-0.5, -0.5]], "variance": [[0.3] * 2] * 2}
    return vae.fit(
        log_joint,
        latents,
        start={name: torch.tensor(value) for name, value in start.items()},
        steps=2000,
        quiet=quiet,
    )


if __name__ == "__main__":
    print(fitted())
