import math

import pytest
import torch
from torch.distributions import Independent, Normal

from vae.distributions import UniformMixture
from vae.evaluation import AggregatePosterior
from vae.evaluation.measures import aggregate_posterior as module
from vae.trace import Latent, Observed, Trace

pytestmark = pytest.mark.usefixtures("double_precision")

SIGMA = 0.1


def trace(loc, width=SIGMA):
    q = Independent(Normal(loc, width), 1)
    p = Independent(Normal(torch.zeros(loc.shape[1]), 1.0), 1)
    z = q.rsample((1,))
    return Trace((Latent("z", q, p, z),), (Observed("x", q, loc),))


def parts(locs, **settings):
    aggregate = AggregatePosterior(**settings)
    for loc in locs:
        aggregate.update(trace(loc))
    return aggregate.parts()


def test_far_apart_posteriors_tell_their_examples():
    """Four distant clusters on a diagonal: I = log 4, TC = log 4, since each marginal tells all."""
    loc = 10.0 * torch.arange(4.0)[:, None].expand(4, 2)
    figures = parts([loc] * 1)
    assert figures["mutual_information"] == pytest.approx(math.log(4))
    assert figures["total_correlation"] == pytest.approx(math.log(4))


def test_a_grid_has_information_but_no_correlation():
    side = 10.0 * torch.arange(3.0)
    figures = parts([torch.cartesian_prod(side, side)])
    assert figures["mutual_information"] == pytest.approx(math.log(9))
    assert figures["total_correlation"] == pytest.approx(0.0, abs=1e-12)


def test_parts_of_a_known_gaussian():
    """Of correlated centres q(z) tends to a Gaussian, of which all parts have closed forms."""
    rho, n = 0.9, 20_000
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]])
    loc = torch.randn(n, 2) @ torch.linalg.cholesky(covariance).T
    figures = parts(loc.split(1000), max_points=2000)
    total = covariance + SIGMA**2 * torch.eye(2)
    variance = total.diagonal()
    tc = 0.5 * (variance.log().sum() - total.logdet())
    mi = 0.5 * total.logdet() - 2 * math.log(SIGMA)
    kl = 0.5 * (variance - 1 - variance.log()).sum()
    assert figures["total_correlation"] == pytest.approx(tc.item(), abs=0.06)
    assert figures["mutual_information"] == pytest.approx(mi.item(), abs=0.06)
    assert figures["dimension_wise_kl"] == pytest.approx(kl.item(), abs=0.06)


def test_batches_and_blocks_do_not_matter(monkeypatch):
    loc = torch.randn(60, 3)
    torch.manual_seed(1)
    whole = parts([loc])
    monkeypatch.setattr(module, "CHUNK", 7)
    torch.manual_seed(1)
    assert parts([loc]) == pytest.approx(whole, rel=1e-12)


def test_points_are_limited_but_all_examples_count():
    loc = 10.0 * torch.arange(8.0)[:, None]
    assert parts(loc.split(3), max_points=2)["mutual_information"] == pytest.approx(math.log(8))


def test_marginals_of_a_known_gaussian():
    """Each dimension of q(z) tends to a Gaussian of its own, and together they are the part."""
    loc = torch.randn(4000, 2) * torch.tensor([1.0, 3.0]) + torch.tensor([0.0, 2.0])
    aggregate = AggregatePosterior(1000)
    aggregate.update(trace(loc))
    variance = torch.tensor([1.0, 9.0]) + SIGMA**2
    expected = 0.5 * (variance + torch.tensor([0.0, 4.0]) - 1 - variance.log())
    found = aggregate.marginal_kl()
    assert torch.allclose(found, expected, rtol=0.1, atol=0.05)
    assert found.sum().item() == pytest.approx(aggregate.parts()["dimension_wise_kl"])


def test_there_are_no_marginals_of_a_prior_that_does_not_factorise():
    loc = torch.randn(10, 2)
    q = Independent(Normal(loc, SIGMA), 1)
    p = UniformMixture(Independent(Normal(loc, 1.0), 1))
    aggregate = AggregatePosterior()
    aggregate.update(Trace((Latent("z", q, p, q.sample((1,))),), (Observed("x", q, loc),)))
    assert aggregate.marginal_kl() is None
    assert "dimension_wise_kl" not in aggregate.parts()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_prior_that_is_the_aggregate_posterior_has_no_gap(dtype):
    """Though its marginals, multiplied, are another density than it is."""
    loc = torch.tensor([[-5.0, -5.0], [5.0, 5.0]], dtype=dtype)
    q = Independent(Normal(loc, torch.tensor(SIGMA, dtype=dtype)), 1)
    aggregate = AggregatePosterior()
    aggregate.update(
        Trace((Latent("z", q, UniformMixture(q), q.sample((1,))),), (Observed("x", q, loc),))
    )
    parts = aggregate.parts()
    assert parts["aggregate_kl"] == pytest.approx(0, abs=1e-5)
    assert parts["mutual_information"] == pytest.approx(math.log(2), abs=1e-5)
    assert parts["total_correlation"] == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize("points", [200, 50])
def test_standard_errors_are_the_spread_over_repetitions(points):
    """Of examples of a correlated Gaussian, drawn again and again."""
    root = torch.linalg.cholesky(torch.tensor([[1.0, 0.8], [0.8, 1.0]]))
    found, errors = [], []
    for _ in range(100):
        aggregate = AggregatePosterior(points)
        aggregate.update(trace(torch.randn(200, 2) @ root.T + 0.5, 0.7))
        found.append(list(aggregate.parts().values()))
        errors.append(list(aggregate.standard_errors().values()))
    spread = torch.tensor(found).std(0)
    assert torch.allclose(torch.tensor(errors).mean(0), spread, rtol=0.25)


def test_what_is_always_the_same_has_no_error():
    """Of distant examples the mutual information is log N whichever they are."""
    aggregate = AggregatePosterior(40)
    aggregate.update(trace(10.0 * torch.arange(100.0)[:, None]))
    assert aggregate.standard_errors()["mutual_information"] == pytest.approx(0, abs=1e-12)
