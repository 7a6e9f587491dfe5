"""Small models, the objectives with their estimators, and gradients."""

from itertools import product

import torch
from torch import nn
from torch.distributions import Independent, OneHotCategorical

from tests.linear_gaussian import LinearGaussian
from vae.distributions import (
    CategoricalPosterior,
    Conditional,
    FixedScale,
    LogScaleNormal,
    Normal,
    UniformMixture,
)
from vae.models import VAE
from vae.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    MIWAE,
    PIWAE,
    DReG,
    Renyi,
    ScoreFunction,
    StickTheLanding,
)
from vae.objectives.estimators import along_paths, slope
from vae.trace import Latent, Observed, Trace

DATA, LATENT, K = 4, 2, 6

OBJECTIVES = {
    "elbo": lambda e: ELBO(num_samples=K, estimator=e),
    "beta": lambda e: ELBO(3.0, num_samples=K, estimator=e),
    "iwae": lambda e: IWAE(num_samples=K, estimator=e),
    "miwae": lambda e: MIWAE(num_groups=2, group_size=3, estimator=e),
    "ciwae": lambda e: CIWAE(0.3, num_samples=K, estimator=e),
    "renyi 0.5": lambda e: Renyi(0.5, num_samples=K, estimator=e),
    "renyi 2": lambda e: Renyi(2.0, num_samples=K, estimator=e),
    "piwae": lambda e: PIWAE(num_groups=2, group_size=3, estimator=e),
}
BOUNDS = [name for name in OBJECTIVES if name not in ("elbo", "beta")]
ESTIMATORS = {"stl": StickTheLanding, "dreg": DReG, "score": ScoreFunction}
ALLOWED = [
    *product(["elbo", "beta"], ["stl", "dreg", "score"]),
    *product(["iwae", "miwae", "ciwae", "renyi 0.5", "renyi 2"], ["dreg", "score"]),
    ("piwae", "dreg"),
]


class WithoutBaseline(ScoreFunction):
    def correction(self, bound, log_w, trace):
        value = bound(log_w).detach()
        score = (value * self.log_q(trace)).sum(0).mean()
        return score - score.detach() + along_paths(-slope(bound, log_w), log_w, trace)


class NormalPrior(nn.Module):
    """A learned prior, to which the KL of a normal posterior is known in closed form."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.linspace(-0.5, 0.5, LATENT))
        self.log_scale = nn.Parameter(torch.linspace(-0.2, 0.3, LATENT))

    def forward(self):
        return Independent(LogScaleNormal(self.loc, self.log_scale), 1)


class MixturePrior(nn.Module):
    """A learned prior, to which it is not."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.linspace(-1, 1, 3 * LATENT).reshape(3, LATENT))

    def forward(self):
        return UniformMixture(Independent(LogScaleNormal(self.loc, torch.zeros(())), 1))


def normal_model(prior=NormalPrior, width=1.5, shift=0.4):
    """One example, and a linear-Gaussian model whose posterior is not optimal."""
    gold = LinearGaussian(DATA, LATENT)
    model = gold.factorised(width=width)
    model.encoder.net.bias.data[:LATENT] += shift
    model.prior = prior()
    return model, gold.marginal.sample((1,))


class CategoricalPrior(nn.Module):
    def __init__(self, dim, categories):
        super().__init__()
        self.logits = nn.Parameter(torch.randn(dim, categories))

    def forward(self):
        return Independent(OneHotCategorical(logits=self.logits), 1)


def discrete_model(dim=2, categories=3):
    head = CategoricalPosterior(dim, num_categories=categories, temperature=None)
    encoder = Conditional(nn.Linear(DATA, dim * categories), head)
    net = nn.Sequential(nn.Flatten(-2), nn.Linear(dim * categories, DATA))
    decoder = Conditional(net, Normal((DATA,), scale=FixedScale(1.0)))
    return VAE(encoder, decoder, CategoricalPrior(dim, categories)), torch.randn(1, DATA)


def at(model, x, z):
    """The trace of given latents ``(K, B, *event)``."""
    return Trace(
        (Latent("z", model.encode(x), model.prior(), z),), (Observed("x", model.decode(z), x),)
    )


def gradient(objective, trace, module):
    loss = sum(objective(trace).values())
    grads = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)
    return torch.cat([g.flatten() for g in grads])


def parts(model):
    """Where encoder, decoder and prior stand in a gradient."""
    modules = (model.encoder, model.decoder, model.prior)
    sizes = [sum(p.numel() for p in module.parameters()) for module in modules]
    return torch.split(torch.arange(sum(sizes)), sizes)
