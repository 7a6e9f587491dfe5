"""The problems and the estimators of `benchmarks.variances`."""

__all__ = ["DISCRETE", "ONE", "SMOOTH", "Categories", "cancer"]

from collections.abc import Callable
from typing import Any

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.distributions import Independent, Normal, constraints

from vae.batch import Batch
from vae.distributions.categorical_posterior import categorical
from vae.draws import Draws
from vae.inference import LogJoint, Target
from vae.inference.families import MeanField
from vae.models import Model
from vae.objectives import ELBO, IWAE, DReG, Estimator, Objective, ScoreFunction, StickTheLanding
from vae.objectives.chains import along_paths
from vae.objectives.estimators import Reducer, slope
from vae.trace import Trace

ONE = {"x": torch.zeros(1, dtype=torch.float64)}  # one example; the models know its values


class PlainScore(Estimator):
    """The score function without a baseline, which nobody should use: to compare with."""

    corrects_average = True

    def log_q(self, trace: Trace) -> Tensor:
        """Return log q(z), whose gradient does not go through z."""
        return ScoreFunction().log_q(trace)

    def kl(self, trace: Trace) -> Tensor:
        """Return the KL, in closed form where there is one."""
        return ScoreFunction().kl(trace)

    def correction(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor:
        """Return 0 with the gradient of the score in place of that through z."""
        score = (log_w.detach() * self.log_q(trace)).mean()  # each draw with its own f
        return score - score.detach() + along_paths(-slope(bound, log_w), log_w, trace)


class Categories(Model):
    """Three variables of four categories, of which a noisy sum of columns is seen.

    Args:
        temperature: Of the relaxation of posterior and prior; ``None`` relaxes nothing.
    """

    def __init__(self, temperature: float | None = None) -> None:
        super().__init__()
        self.temperature = temperature
        self.logits = nn.Parameter(torch.zeros(3, 4))
        generator = torch.Generator().manual_seed(1)
        self.columns = torch.randn(3, 4, 4, generator=generator)
        self.x = self.columns[torch.arange(3), torch.tensor([0, 2, 3])].sum(0) + 0.3

    @classmethod
    def build(cls, spec: Any, parts: Any, *_: Any, **own: Any) -> "Categories":
        """Return it; no config does."""
        return cls()

    def run(self, batch: Batch, draws: Draws) -> None:
        """Draw the categories and say how likely the vector is."""
        p = categorical(torch.zeros(3, 4), self.temperature)
        z = draws.latent("z", q=lambda: categorical(self.logits[None], self.temperature), p=p)
        mean = torch.einsum("kbdc,dce->kbe", z, self.columns)
        draws.observe("x", Independent(Normal(mean, 1.0), 1), self.x[None])


def cancer() -> Model:
    """Return the logistic regression with a free normal posterior."""
    found = load_breast_cancer()
    x = torch.tensor(found.data)
    x = torch.cat([(x - x.mean(0)) / x.std(0), torch.ones(len(x), 1)], 1).double()
    sign = 2.0 * torch.tensor(found.target) - 1

    def log_joint(w: Tensor) -> Tensor:
        log_prior = Normal(0.0, 1.0).log_prob(w).sum(-1)
        return log_prior + nn.functional.logsigmoid(sign * (w @ x.T)).sum(-1)

    target = Target.of(log_joint, {"w": (constraints.real, (31,))}, vectorized=True)
    return LogJoint(target, MeanField(31, scale=1.0).double())  # as wide as the prior


SMOOTH: dict[str, Callable[[int], Objective]] = {
    "score function": lambda k: ELBO(num_samples=k, estimator=PlainScore()),
    "score, leave-one-out": lambda k: ELBO(num_samples=k, estimator=ScoreFunction()),
    "reparameterized": lambda k: ELBO(num_samples=k),
    "sticking the landing": lambda k: ELBO(num_samples=k, estimator=StickTheLanding()),
    "DReG of the IWAE bound": lambda k: IWAE(num_samples=k, estimator=DReG()),
}
DISCRETE = {name: SMOOTH[name] for name in ("score function", "score, leave-one-out")}
