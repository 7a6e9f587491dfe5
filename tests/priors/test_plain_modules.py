"""Any module that returns a distribution is a prior: trained, sampled and evaluated as ours are."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import (
    Categorical,
    Cauchy,
    Gumbel,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
    TransformedDistribution,
    Uniform,
)
from torch.distributions.transforms import AffineTransform

from vae.data import Array, DataModule
from vae.distributions import Conditional, LearnedScale, NormalPosterior, tempered
from vae.distributions import Normal as NormalLikelihood
from vae.evaluation import Bound, Gallery, Interpolations, LatentSpace, Subject, Traversals, measure
from vae.models import VAE
from vae.networks import MLP
from vae.objectives import ELBO, IWAE, DReG
from vae.priors import check_prior

D = 3
ONE, EYE = torch.ones(D), torch.eye(D)
PRIORS = {
    "Laplace": lambda a: Independent(Laplace(a, 1.0), 1),
    "correlated": lambda a: MultivariateNormal(a, EYE + 0.5),
    "of low rank": lambda a: LowRankMultivariateNormal(a, ONE[:, None], ONE),
    "mixture": lambda a: MixtureSameFamily(
        Categorical(logits=torch.zeros(2)), Independent(Normal(a + ONE.cumsum(0)[:2, None], 1.0), 1)
    ),
    "heavy tails": lambda a: Independent(StudentT(3.0, a, 1.0), 1),
    "without a mean": lambda a: Independent(Cauchy(a, 1.0), 1),
    "moved": lambda a: TransformedDistribution(
        Independent(Normal(0 * ONE, 1.0), 1), AffineTransform(a, 2.0, event_dim=1)
    ),
    "moved one by one": lambda a: Independent(
        TransformedDistribution(Normal(0 * ONE, 1.0), AffineTransform(a, 2.0)), 1
    ),
    "skewed": lambda a: Independent(Gumbel(a, 1.0), 1),
}


class Plain(nn.Module):
    """A module that knows nothing of this framework."""

    def __init__(self, make):
        super().__init__()
        self.shift, self.make = nn.Parameter(torch.zeros(D)), make

    def forward(self):
        return self.make(self.shift)


@pytest.fixture
def subject(tmp_path):
    """What makes a model with a prior ready for evaluation."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 6)).astype("f4"))
    data = DataModule(Array(tmp_path / "x.npy"), batch_size=16)
    return lambda prior: Subject(model_of(prior).eval(), data, max_examples=6)


def model_of(prior):
    q, px = NormalPosterior(D), NormalLikelihood((6,), scale=LearnedScale())
    return VAE(
        Conditional(MLP((6,), q.param_shape, hidden=[8]), q),
        Conditional(MLP((D,), px.param_shape, hidden=[8]), px),
        prior,
    )


@pytest.mark.parametrize("name", PRIORS)
def test_it_is_trained_by_its_density(name):
    prior = Plain(PRIORS[name])
    check_prior(NormalPosterior(D), prior)
    model = model_of(prior)
    for objective in (ELBO(), IWAE(num_samples=4, estimator=DReG())):
        model.zero_grad()
        trace = model(torch.randn(5, 6), num_samples=objective.num_samples())
        assert trace.kl.shape == (objective.num_samples(), 5)
        sum(objective(trace).values()).backward()
        assert (prior.shift.grad != 0).all()


@pytest.mark.parametrize("name", PRIORS)
def test_a_temperature_scales_its_spread(name):
    p = PRIORS[name](torch.full((D,), 3.0))
    torch.manual_seed(0)
    wide, narrow = (quartiles(tempered(p, t).sample((20_000,))) for t in (1.0, 0.5))
    ratio = (narrow[1] - narrow[0]) / (wide[1] - wide[0])
    slack = 0.5 if name == "mixture" else 0.05  # the distance of its parts stays
    assert ((ratio - 0.5).abs() < slack).all()


def quartiles(z):
    return torch.quantile(z, torch.tensor([0.25, 0.75]), dim=0)


@pytest.mark.parametrize("name", PRIORS)
def test_it_is_evaluated(subject, name):
    parts = {
        "bound": Bound(num_samples=2),
        "space": LatentSpace(),
        "gallery": Gallery(columns=2),
        "traversals": Traversals(max_dims=1, steps=3),
        "interpolations": Interpolations(pairs=1, steps=3),
    }
    report = measure(subject(Plain(PRIORS[name])), parts)
    assert set(report.sections) == set(parts)
    assert not report.sections["gallery"].notes


def test_samples_at_a_temperature_that_means_nothing_are_left_out(subject):
    prior = Plain(lambda a: Independent(Uniform(a - 1, a + 1, validate_args=False), 1))
    section = measure(subject(prior), {"gallery": Gallery(columns=2)}).sections["gallery"]
    assert section.notes == [
        "There are no samples at T = 0.7: sampling with a temperature is not defined for Uniform."
    ]


def test_a_forgotten_event_is_told():
    with pytest.raises(ValueError, match=r"batch shape \(3,\); expected \(\): .* Independent"):
        check_prior(NormalPosterior(D), Plain(lambda a: Normal(a, 1.0)))
