"""Which latent variables are used, and over which values they range."""

from statistics import NormalDist

import pytest
import torch
from torch.distributions import Gamma, Independent, Normal

from tests.compose import settings_of
from tests.linear_gaussian import LinearGaussian
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import Variables, quantiles, study
from vae.priors import StandardNormal

pytestmark = pytest.mark.usefixtures("double_precision")
SPEC = DataSpec("binary", (1, 8, 8), "boolean", 2)
SMALL = ["model=mlp", "model.encoder.hidden=[16]", "model.latent_dim=4"]


def used(usage, draws, prior=None):
    prior = StandardNormal(draws.shape[1:])() if prior is None else prior
    return Variables(torch.as_tensor(usage), True, prior, draws)


def test_the_quantiles_of_the_standard_normal():
    found = used(torch.zeros(3), torch.randn(5, 3)).values([0, 2], 5, tail=0.1)
    expected = [NormalDist().inv_cdf(p) for p in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert torch.allclose(found, torch.tensor(expected)[:, None].expand(5, 2))


def test_the_quantiles_of_another_prior_are_those_of_its_draws():
    torch.manual_seed(0)
    probabilities = torch.tensor([0.1, 0.5, 0.9])
    found = quantiles(
        Independent(Gamma(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 4.0])), 1), probabilities
    )
    expected = -(1 - probabilities).log()[:, None] / torch.tensor([1.0, 4.0])
    assert torch.allclose(found, expected, rtol=0.1)


def test_the_range_of_the_posterior_is_that_of_all_examples():
    """A mixture of two far clusters: a quarter lies below the lower cluster's median."""
    lower, upper = NormalDist(-10, 0.5), NormalDist(10, 0.5)
    draws = torch.tensor(
        [[d.inv_cdf((i + 0.5) / 5000)] for d in (upper, lower) for i in range(5000)]
    )
    found = used(torch.zeros(1), draws).values([0], 3, tail=0.25, within="posterior")
    assert found[:, 0].tolist()[::2] == pytest.approx([-10, 10], abs=1e-3)


def test_quantiles_of_draws_are_those_of_torch():
    draws, probabilities = torch.randn(101, 3), torch.tensor([0.01, 0.2, 0.5, 0.999])
    assert torch.allclose(quantiles(draws, probabilities), draws.quantile(probabilities, 0))


def test_one_hot_variables_take_their_categories():
    variables = used(torch.zeros(2), torch.zeros(1, 2, 4))
    assert variables.one_hot
    found = variables.values([1, 0], 9)
    assert found.shape == (4, 2, 4)
    assert torch.equal(found[:, 0], torch.eye(4))
    assert variables.values([1, 0], 3).shape == (3, 2, 4)


def test_the_greatest_kl_comes_first_with_its_label():
    variables = used([0.5, 3.0, 0.001, 2.0], torch.zeros(1, 4))
    assert variables.order(3) == [1, 3, 0]
    assert variables.order(100) == [1, 3, 0, 2]
    assert variables.label(1) == "z1\n3.00 nats"


def test_a_model_is_studied_on_all_batches():
    gold = LinearGaussian()
    x = gold.marginal.sample((4000,))
    variables = study(gold.factorised(), [{"x": part} for part in x.split(1500)])
    loc = (x - gold.b) @ gold.gain.T
    scale = torch.linalg.inv(gold.covariance).diagonal().rsqrt()
    kl = 0.5 * (loc.square().mean(0) + scale.square() - 1) - scale.log()
    assert variables.splits
    assert torch.allclose(variables.usage, kl)
    assert variables.order(3) == kl.argsort(descending=True).tolist()
    assert len(variables.draws) == 40_000
    spread = (loc.var(0) + scale.square()).sqrt()
    assert torch.allclose(variables.draws.std(0), spread, rtol=0.03)


def test_where_the_kl_does_not_split_the_variance_counts():
    model = build_model(settings_of(*SMALL, "prior=vamp", "prior.num_components=3"), SPEC).eval()
    x = torch.rand(60, 1, 8, 8).round()
    variables = study(model, [{"x": x[:30]}, {"x": x[30:]}])
    assert not variables.splits
    assert torch.allclose(variables.usage, model.embed(x).var(0, correction=0))
    assert variables.label(0).startswith("z0\nvariance ")
    assert variables.values([0, 1], 5).shape == (5, 2)


def test_one_hot_variables_count_as_whole_variables():
    model = build_model(settings_of(*SMALL, "posterior=categorical"), SPEC).eval()
    variables = study(model, [{"x": torch.rand(6, 1, 8, 8).round()}])
    assert sorted(variables.order(10)) == [0, 1, 2, 3]
    assert variables.one_hot
    assert not variables.isotropic


def test_only_one_width_around_the_origin_is_isotropic():
    z = torch.zeros(1, 2)
    assert used(z[0], z).isotropic
    for p, isotropic in (
        (Normal(torch.zeros(2), torch.full((2,), 3.0)), True),
        (Normal(torch.zeros(2), torch.tensor([1.0, 2.0])), False),
        (Normal(torch.tensor([0.0, 1.0]), torch.ones(2)), False),
        (Gamma(torch.ones(2), torch.ones(2)), False),
    ):
        assert used(z[0], z, Independent(p, 1)).isotropic == isotropic
