"""Figures of a model for which they are known exactly."""

from math import log, log2

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from tests.models.state_space import data, state_space
from vae.data import DataSpec
from vae.distributions import Bernoulli, Conditional
from vae.evaluation import Bound, evaluate, measure
from vae.evaluation.measures.figures import bits_per_dim, steps_of
from vae.evaluation.sections.bound import notes
from vae.models import VAE

pytestmark = pytest.mark.usefixtures("double_precision")
SPEC = DataSpec("vectors", (6,), "real")


def data_of(gold, n=60, size=25):
    """Draws of the model itself, in batches of which the last is smaller."""
    x = gold.marginal.sample((n,))
    return x, [{"x": part} for part in x.split(size)]


def test_at_the_exact_posterior_every_figure_is_the_likelihood():
    gold, k = LinearGaussian(), 7
    x, batches = data_of(gold)
    figures = evaluate(gold.exact(), batches, SPEC, num_samples=k)
    log_p = gold.log_p(x)
    assert figures["elbo"] == pytest.approx(log_p.mean().item(), abs=1e-10)
    assert figures["nll"] == pytest.approx(-log_p.mean().item(), abs=1e-10)
    assert figures["nll_standard_error"] == pytest.approx(log_p.std().item() / len(x) ** 0.5)
    assert figures["effective_sample_size"] == pytest.approx(k, abs=1e-8)
    assert figures["num_examples"] == len(x)
    assert figures["elbo"] == pytest.approx(figures["log_likelihood"] - figures["kl"], abs=1e-12)


@pytest.mark.parametrize(("k", "max_rows"), [(40, 200), (500, 4096)])
def test_importance_sampling_finds_the_likelihood_from_a_wide_posterior(k, max_rows):
    gold = LinearGaussian()
    x, batches = data_of(gold)
    figures = evaluate(gold.factorised(width=2.0), batches, SPEC, num_samples=k, max_rows=max_rows)
    ess = figures["effective_sample_size"]
    assert 1 < ess < k
    noise = ((1 / ess - 1 / k) / len(x)) ** 0.5  # of the mean of log p over examples
    assert abs(figures["nll"] + gold.log_p(x).mean().item()) < 5 * noise
    assert figures["elbo"] < -figures["nll"]


def test_errors_are_those_of_means_over_examples():
    gold = LinearGaussian()
    x, batches = data_of(gold)
    figures = evaluate(gold.exact(), batches, SPEC, num_samples=30)
    assert figures["elbo_standard_error"] == pytest.approx(gold.log_p(x).std().item() / 60**0.5)
    model = gold.factorised()
    figures = evaluate(model, batches, SPEC, num_samples=30)
    kl = model(x).kl[0]
    assert figures["kl_standard_error"] == pytest.approx(kl.std().item() / 60**0.5)
    share = figures["pareto_k_share"]
    expected = (share * (1 - share) / 59) ** 0.5
    assert figures["pareto_k_share_standard_error"] == pytest.approx(expected)
    for key in ("log_likelihood", "effective_sample_size", "mutual_information"):
        assert 0 < figures[f"{key}_standard_error"] < 1


def test_the_section_says_where_the_number_of_examples_is_too_small():
    """Of posteriors without width the mutual information is log N, which is no property of them."""
    gold = LinearGaussian(orthogonal=True)
    x = gold.marginal.sample((50,)).float()
    wide, narrow = (
        measure(subject_of(gold.factorised(width=w).float(), x), {"it": Bound(2)}).sections["it"]
        for w in (4.0, 1e-2)
    )
    assert not any("near log N" in note for note in wide.notes)
    assert any("near log N = 3.9 nats" in note for note in narrow.notes)
    assert all("diagnosis" not in note for note in narrow.notes)
    for key in ("elbo", "kl", "log_likelihood", "nll", "mutual_information", "total_correlation"):
        assert wide.figures[key].error > 0


def test_the_divergence_of_each_dimension_adds_up():
    gold = LinearGaussian()
    _, batches = data_of(gold)
    figures = evaluate(gold.factorised(), batches, SPEC, num_samples=1)
    assert sum(figures["kl_per_dim"]) == pytest.approx(figures["kl"], abs=1e-10)
    assert figures["active_units"] == gold.latent_dim


def test_figures_are_a_function_of_the_seed_and_leave_the_random_state_alone():
    gold = LinearGaussian()
    _, batches = data_of(gold)
    model, before = gold.factorised(), torch.get_rng_state()
    first, again, other = (
        evaluate(model, batches, SPEC, num_samples=3, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert first == again
    assert first["nll"] != other["nll"]


def test_the_likelihood_at_several_numbers_of_samples_rises_to_the_exact_one():
    gold, counts = LinearGaussian(), [1, 4, 16, 512]
    x, batches = data_of(gold, n=256, size=128)
    figures = evaluate(gold.factorised(width=2.0), batches, SPEC, num_samples=counts[::-1])
    rows, exact = figures["nll_by_num_samples"], -gold.log_p(x).mean().item()
    nll = [row["nll"] for row in rows]
    assert [row["num_samples"] for row in rows] == counts
    assert nll == sorted(nll, reverse=True)
    assert nll[0] > exact + 0.5
    assert abs(nll[-1] - exact) < 5 * (1 / figures["effective_sample_size"] / len(x)) ** 0.5
    assert figures["nll"] == nll[-1]
    assert figures["nll_standard_error"] == rows[-1]["standard_error"]


@pytest.mark.parametrize(
    ("width", "shape", "share"), [(0.5, 0.75, 0.6), (0.6, 0.64, 0.3), (2, -1, 0)]
)
def test_weights_of_two_latents_have_a_tail_of_known_shape(width, shape, share):
    """Of q = N(μ, s²Σ) for p(z|x) = N(μ, Σ), log w is 1 − s² times an exponential variable.

    So weights of a narrower q are Pareto of shape 1 − s²; those of a wider one have a bound, below
    which they are even, which is the shape −1.
    """
    gold = LinearGaussian(latent_dim=2, orthogonal=True)
    _, batches = data_of(gold, n=60, size=60)
    model = gold.factorised(width=width)
    figures = evaluate(model, batches, SPEC, num_samples=4000)
    assert figures["pareto_k"] == pytest.approx(shape, abs=0.08 if width < 1 else 0.2)
    assert figures["pareto_k_share"] == pytest.approx(share, abs=0.2)


def test_weights_that_are_all_the_same_have_no_tail():
    gold = LinearGaussian()
    _, batches = data_of(gold)
    figures = evaluate(gold.exact(), batches, SPEC, num_samples=50)
    assert figures["pareto_k"] is None
    assert figures["pareto_k_share"] == 0
    assert "the best case" in notes(figures, 50)[0]
    assert "pareto_k" not in evaluate(gold.exact(), batches, SPEC, num_samples=24)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_figures_depend_neither_on_the_batch_size_nor_on_max_rows(dtype, error):
    gold = LinearGaussian()
    x = gold.marginal.sample((300,)).to(dtype)
    model = gold.factorised(width=2.0).to(dtype)

    def figures(size, max_rows):
        batches = [{"x": part} for part in x.split(size)]
        found = evaluate(model, batches, SPEC, num_samples=40, max_rows=max_rows)
        return {key: value for key, value in found.items() if isinstance(value, float)}

    expected = figures(300, 4096)
    for size, max_rows in [(7, 4096), (150, 50), (300, 129)]:
        assert figures(size, max_rows) == pytest.approx(expected, rel=error, abs=error)


@pytest.mark.parametrize(
    ("spec", "mass", "expected"),
    [
        (DataSpec("binary", (4,), "boolean", 2), True, 3 / (4 * log(2))),
        (
            DataSpec("dequantized", (4,), "unit_interval", 256, dequantized=True),
            False,
            3 / (4 * log(2)) + log2(256),
        ),
        (DataSpec("on a grid", (4,), "unit_interval", 256), False, None),
        (DataSpec("real", (4,), "real"), False, None),
    ],
)
def test_bits_per_dimension_exist_where_the_data_are_discrete(spec, mass, expected):
    found = bits_per_dim(3.0, 0.5, spec, mass=mass)
    error = None if expected is None else 0.5 / (4 * log(2))
    assert found.get("bits_per_dim") == pytest.approx(expected)
    assert found.get("bits_per_dim_standard_error") == pytest.approx(error)


def test_a_uniform_density_of_dequantized_data_takes_all_bits():
    """log p = 0 on the unit cube: each of 256 levels has probability 1/256, eight bits."""
    spec = DataSpec("bytes", (3, 2, 2), "unit_interval", 256, dequantized=True)
    assert bits_per_dim(0.0, 0.0, spec, mass=False)["bits_per_dim"] == 8.0


def test_a_fair_coin_takes_one_bit_per_dimension():
    gold = LinearGaussian()
    net = torch.nn.Linear(gold.latent_dim, 6)
    torch.nn.init.zeros_(net.weight)
    torch.nn.init.zeros_(net.bias)
    model = gold.factorised()
    likelihood = Bernoulli((6,))
    coin = VAE(PriorPosterior(model.prior), Conditional(net, likelihood), model.prior)
    spec = DataSpec("coins", (6,), "boolean", 2)
    figures = evaluate(coin, [{"x": torch.ones(4, 6)}], spec, num_samples=2)
    assert figures["bits_per_dim"] == pytest.approx(1, abs=1e-12)
    assert figures["kl"] == pytest.approx(0, abs=1e-12)
    assert figures["active_units"] == 0


class PriorPosterior(torch.nn.Module):
    """A posterior that has learned nothing."""

    def __init__(self, prior):
        super().__init__()
        self.prior = prior

    def forward(self, x):
        p = self.prior().base_dist
        normal = torch.distributions.Normal(p.loc.expand(len(x), -1), p.scale.expand(len(x), -1))
        return torch.distributions.Independent(normal, 1)


def test_nats_per_time_step_weigh_each_sequence_by_its_length():
    """At the exact posterior of a linear-Gaussian chain: log p of all by the steps of all."""
    batch, exact = data()
    length = batch["length"].double()
    spec = DataSpec("chains", (6, 3), "real")
    figures = evaluate(state_space(6), [batch], spec, num_samples=3)
    mean = exact.sum() / length.sum()
    assert figures["elbo_per_step"] == pytest.approx(mean.item(), abs=1e-8)
    assert figures["nll_per_step"] == pytest.approx(-mean.item(), abs=1e-8)
    error = (exact - mean * length).std() / 4**0.5 / length.mean()
    assert figures["nll_per_step_standard_error"] == pytest.approx(error.item())
    assert steps_of(state_space(6), {"x": batch["x"]})["steps"].tolist() == [6.0] * 4
