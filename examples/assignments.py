"""A mixture of two normals whose assignments stay latent, discrete variables of their own.

Eight points; each belongs to one of two components of known centres, and how many belong to the
first is unknown. The 2⁸ assignments can be summed over at every step (``"enumerate"``) or drawn,
with the gradient of the score function (``"score"``). ``python examples/assignments.py``
"""

import torch
from torch import Tensor
from torch.distributions import Beta, Normal, constraints

import vae
from vae.inference import Fit

X = torch.tensor([-2.2, -1.7, -1.4, -0.9, 0.2, 0.9, 1.3, 2.4])
CENTRES = torch.tensor([-1.0, 1.0])
PRIOR = Beta(torch.tensor(2.0), torch.tensor(2.0))


def log_joint(share: Tensor, right: Tensor) -> Tensor:
    """Return log p(x, share, right), with right 1 where a point is of the second component."""
    log_mass = right * share.log() + (1 - right) * (1 - share).log()
    each = right * Normal(CENTRES[1], 1.0).log_prob(X)
    each = each + (1 - right) * Normal(CENTRES[0], 1.0).log_prob(X)
    return PRIOR.log_prob(share) + (log_mass + each).sum()


def exact() -> tuple[Tensor, Tensor, Tensor]:
    """Return E[share], E[right], ``(8,)``, and log p(x): assignments summed, share on a grid."""
    share = torch.linspace(0.0005, 0.9995, 1000).double()
    parts = Normal(CENTRES.double(), 1.0).log_prob(X.double()[:, None])  # (8, 2)
    masses = torch.stack([1 - share, share], -1).log()[:, None]  # (1000, 1, 2)
    log_p = PRIOR.log_prob(share.float()).double() + (masses + parts).logsumexp(-1).sum(-1)
    p = log_p.softmax(0)
    right = (masses + parts).softmax(-1)[..., 1]  # (1000, 8)
    return (p * share).sum(), p @ right, log_p.logsumexp(0) - torch.tensor(1000.0).log()


def fitted(*, estimator: str = "enumerate", quiet: bool = False) -> Fit:
    """Return the posterior of the share and of the assignments."""
    latents = {"share": constraints.unit_interval, "right": (constraints.boolean, (len(X),))}
    return vae.fit(
        log_joint, latents, estimator=estimator, num_samples=10, steps=600, lr=0.05, quiet=quiet
    )


if __name__ == "__main__":
    share, right, evidence = exact()
    for estimator in ("enumerate", "score"):
        fit = fitted(estimator=estimator)
        print(f"\n{estimator}\n{fit}")
        print(f"log p(x) by importance weights {fit.log_evidence(4000):.3f}, exact {evidence:.3f}")
    print(f"exact: share {share:.3f}, right " + " ".join(f"{r:.3f}" for r in right))
