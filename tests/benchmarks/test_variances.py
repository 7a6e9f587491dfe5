"""The order that theory gives to the variances of gradients, on a small run of the benchmark."""

import pytest
import torch
from torch.distributions import Normal, constraints

from benchmarks import variances
from benchmarks.variance_problems import ONE, SMOOTH, Categories
from vae.inference import LogJoint, MeanField, Target
from vae.objectives import ELBO, EnumeratedELBO, ScoreFunction


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def exact_normal():
    """A log-joint whose posterior the mean field holds, at that posterior."""
    target = Target.of(lambda z: Normal(2.0, 0.5).log_prob(z), {"z": constraints.real})
    family = MeanField(1, scale=0.5).double()
    family.start_at(torch.tensor([2.0]))
    return LogJoint(target, family)


def test_where_the_family_holds_the_posterior_only_two_have_no_noise():
    model = exact_normal()
    found = {n: variances.gradients(model, make(8), 50).var(0) for n, make in SMOOTH.items()}
    assert found["sticking the landing"].max() < 1e-12
    assert found["DReG of the IWAE bound"].max() < 1e-12
    assert found["reparameterized"].max() > 0.1
    assert found["score, leave-one-out"].max() > 0.1


def test_on_a_regression_the_score_has_the_largest_variance():
    found = variances.with_derivatives(10, 100, samples=(8,))
    for place, ratio in (("start", 20), ("optimum", 2)):
        by = {name: by_k[8]["mean"] for name, by_k in found[place].items()}
        assert by["score function"] > by["score, leave-one-out"] > ratio * by["reparameterized"]


def test_of_categories_the_relaxed_alone_are_biased():
    found = variances.without(20, 100, samples=(8,))["optimum"]
    assert found["enumerated"][1] == {"variance": 0.0, "squared_bias": pytest.approx(0, abs=1e-20)}
    assert found["score, leave-one-out"][8]["squared_bias"] < 0.05
    assert found["score, leave-one-out"][8]["variance"] < found["score function"][8]["variance"]
    for t in variances.TEMPERATURES:
        assert found[f"relaxed, τ {t}"][8]["squared_bias"] > 0.2


def test_plain_score_has_the_mean_of_the_others():
    model = Categories().double()
    model.columns, model.x = model.columns.double(), model.x.double()
    right = variances.gradient(model, EnumeratedELBO())
    for make in (
        SMOOTH["score function"],
        lambda k: ELBO(num_samples=k, estimator=ScoreFunction()),
    ):
        found = variances.gradients(model, make(100), 30)
        error = found.std(0) / 30**0.5
        assert ((found.mean(0) - right).abs() < 4 * error).all()
    assert ONE["x"].shape == (1,)


def test_both_outputs_are_written(tmp_path, monkeypatch):
    small = {"repeats": 3, "steps": 2, "samples": (1, 2)}
    found = {
        "logistic regression": variances.with_derivatives(*small.values()),
        "categories": variances.without(*small.values()),
    }
    variances.plot(found, tmp_path / "variances.png")
    assert (tmp_path / "variances.png").stat().st_size > 10_000
