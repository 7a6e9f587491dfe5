"""The latent space of models in which everything is known, and of every kind of model."""

from math import log

import pytest
import torch
from torch import nn

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import SIGMA, LinearGaussian
from tests.steps import BINARY, examples
from tests.test_build import INDEPENDENT, INDEPENDENT_PRIORS, POSTERIORS, paired
from tests.test_variants import SPREADLESS
from vae.build import build_model
from vae.distributions import Conditional, ConstantNormalPosterior
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound
from vae.evaluation import AggregatePosterior, LatentSpace, LatentStatistics, NotApplicable, measure
from vae.evaluation.measures.prior_gap import against_prior, caveats, gap
from vae.evaluation.measures.seen import Seen
from vae.evaluation.sections import latent_space
from vae.models import VAE
from vae.priors import VampPrior

TABLE = "latent dimensions"


@pytest.fixture(autouse=True)
def few_prior_draws(monkeypatch):
    monkeypatch.setattr(latent_space, "PRIOR_DRAWS", 100)


@pytest.fixture
def gold():
    """Columns of W of lengths 2, 1 and ½ at right angles, so that p(z|x) factorises."""
    return LinearGaussian(orthogonal=True)


def section_of(model, x, **settings):
    subject = subject_of(model.float(), x.float())
    quick = {"num_points": 200, "num_shown": 1, **settings}
    return measure(subject, {"latents": LatentSpace(**quick)}).sections["latents"]


def test_the_exact_posterior_is_measured_as_what_it_is(gold):
    """q(z) is the prior, and all of the KL is information: ½ log(1 + w²/σ²) by dimension."""
    section = section_of(gold.factorised(), gold.marginal.sample((2000,)), num_points=500)
    by_dim = [0.5 * log(1 + w**2 / SIGMA**2) for w in (2.0, 1.0, 0.5)]
    table, figures = section.tables[TABLE], section.figures
    assert [row["dimension"] for row in table] == [0, 1, 2]
    assert [row["KL (nats)"] for row in table] == pytest.approx(by_dim, rel=0.1)
    assert figures["kl"].value == pytest.approx(sum(by_dim), abs=4 * figures["kl"].error)
    assert figures["mutual_information"].value == pytest.approx(sum(by_dim), abs=0.15)
    assert figures["aggregate_kl"].value == pytest.approx(0, abs=0.1)
    assert figures["aggregate_kl_bound"].value < 0.05
    for row, w in zip(table, (2.0, 1.0, 0.5), strict=True):
        noise = 1 / (1 + w**2 / SIGMA**2)
        assert row["mean posterior variance"] == pytest.approx(noise, rel=1e-3)
        assert row["variance of the centre"] == pytest.approx(1 - noise, rel=0.15)
        assert row["deviation of q(z)"] == pytest.approx(1, abs=0.06)
        assert (row["mean of p(z)"], row["deviation of p(z)"]) == (0, 1)
    assert section.series["diagnosis"] == ["healthy"]
    assert len(section.notes) == 1


def test_a_swap_costs_what_theory_says(gold):
    """Own: E|x − Wz − b|² = Dσ²; another's: + 2 tr WWᵀ. So tr WWᵀ/σ² nats are lost."""
    subject = subject_of(gold.factorised().float(), gold.marginal.sample((3000,)).float())
    costs = latent_space.swap_costs(subject, latent_space.look(subject, None, 10))
    error = (costs.std() / len(costs) ** 0.5).item()
    assert error < 1
    assert costs.mean().item() == pytest.approx((4 + 1 + 0.25) / SIGMA**2, abs=4 * error)


@pytest.mark.parametrize("count", [2, 3, 129])
def test_nobody_keeps_their_own_latents(gold, count):
    """Of examples on the model's plane and codes without noise, any other's decode worse."""
    z = torch.arange(3.0 * count).view(count, 3).double()
    subject = subject_of(noiseless(gold).float(), (z @ gold.w.T + gold.b).float())
    seen = latent_space.look(subject, None, 10)
    assert (latent_space.swap_costs(subject, seen) > 1).all()


def noiseless(gold):
    """Encode points of the model's plane exactly."""
    net = nn.Linear(gold.data_dim, gold.latent_dim)
    inverse = torch.linalg.pinv(gold.w)
    net.weight.data, net.bias.data = inverse, -inverse @ gold.b
    encoder = Conditional(net, ConstantNormalPosterior(gold.latent_dim, scale=1e-4))
    return VAE(encoder, gold.decoder(), gold.factorised().prior)


def silence(model, dim):
    """Make q(z_j|x) the prior."""
    net, dims = model.encoder.net, model.encoder.head.event_shape[0]
    net.weight.data[[dim, dims + dim]] = 0
    net.bias.data[dim] = 0
    net.bias.data[dims + dim] = inverse_soft_bound(0.0, *LOG_SCALE_BOUNDS)


def test_a_dimension_that_is_the_prior_is_unused(gold):
    model = gold.factorised()
    silence(model, 1)
    section = section_of(model, gold.marginal.sample((500,)))
    assert section.series["diagnosis"] == ["unused"]
    assert "1 of 3 dimensions are not used: 1." in section.notes[0]
    assert section.tables[TABLE][-1]["dimension"] == 1
    assert section.tables[TABLE][-1]["KL (nats)"] == pytest.approx(0, abs=1e-6)
    assert section.figures["active_units"].value == 2


def test_all_dimensions_at_the_prior_are_a_collapse(gold):
    model = gold.factorised()
    for dim in range(3):
        silence(model, dim)
    section = section_of(model, gold.marginal.sample((500,)))
    assert section.series["diagnosis"] == ["collapsed"]
    assert section.figures["active_units"].value == 0


def test_a_decoder_that_does_not_look_is_found(gold):
    model = gold.factorised()
    model.decoder.net.weight.data.zero_()
    section = section_of(model, gold.marginal.sample((500,)))
    assert section.series["diagnosis"] == ["ignored"]
    assert section.figures["swap_cost"].value == 0


def test_an_aggregate_posterior_beside_the_prior_leaves_holes(gold):
    """Moved by 3: KL(N(3, 1) ‖ N(0, 1)) = 4.5, all of it marginal."""
    model = gold.factorised()
    model.encoder.net.bias.data[0] += 3
    section = section_of(model, gold.marginal.sample((1000,)))
    assert section.series["diagnosis"] == ["holes"]
    for key in ("aggregate_kl", "aggregate_kl_bound", "dimension_wise_kl"):
        assert section.figures[key].value == pytest.approx(4.5, abs=0.5)
    row = section.tables[TABLE][0]
    assert row["mean of q(z)"] == pytest.approx(3, abs=0.1)
    assert row["marginal KL (nats)"] == pytest.approx(4.5, abs=0.5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_mixture_that_is_the_aggregate_posterior_has_no_holes(gold, dtype):
    """Though mean and covariance of its draws are not those of a few examples."""
    model, x = gold.factorised().to(dtype), gold.marginal.sample((2,)).to(dtype).repeat(50, 1)
    model.encoder.net.weight.data *= 8
    model.prior = VampPrior(model.encoder, (6,), "real", num_components=2)
    model.prior.free_inputs.data = x[:2].clone()
    trace = model.eval()(x)
    latent, statistics = trace.latents[0], LatentStatistics()
    statistics.update(trace)
    use, aggregate = statistics.by_name["z"], AggregatePosterior()
    aggregate.update(trace)
    kl, log_p = trace.kl[0], latent.log_p[0]
    seen = Seen("z", use, aggregate, latent.p, latent.z[0], kl, log_p)
    figures = against_prior(seen)
    assert figures["mutual_information"].value == pytest.approx(log(2), abs=1e-4)
    assert figures["aggregate_kl"].value == pytest.approx(0, abs=1e-4)
    assert figures["aggregate_kl_bound"].value == 0
    assert "dimension_wise_kl" not in figures
    assert gap(figures, seen) == pytest.approx(0, abs=1e-4)
    assert gap({"aggregate_kl_bound": figures["aggregate_kl_bound"]}, seen) is None
    assert "left out: the prior does not factorise" in caveats(figures, 100)[-1]


def test_the_bound_is_never_above_the_mean_divergence(gold):
    """Of which it is a part, but both are estimates."""
    model = gold.factorised()
    model.encoder.net.bias.data[0] += 3
    subject = subject_of(model.float(), gold.marginal.sample((500,)))
    (seen,) = latent_space.look(subject, None, 10).latents
    assert against_prior(seen)["aggregate_kl_bound"].value > 3
    small = seen._replace(kl=torch.ones(500))
    assert against_prior(small)["aggregate_kl_bound"].value == 1


def test_codes_without_noise_are_those_of_an_autoencoder(gold):
    """The mutual information is cut off at log N, which must not look like holes."""
    section = section_of(noiseless(gold), gold.marginal.sample((2000,)))
    assert section.series["diagnosis"] == ["autoencoder"]
    assert section.figures["mutual_information"].value == pytest.approx(log(2000))
    assert section.figures["aggregate_kl"].value > 10
    assert section.figures["aggregate_kl_bound"].value < 1
    assert [row["marginal KL (nats)"] for row in section.tables[TABLE]] == [None] * 3
    assert "near log N = 7.6 nats" in section.notes[-1]


# Of which a bound over all densities on as many reals says nothing.
FEWER_DIMENSIONS = {
    "categorical",
    "bernoulli",
    "dirichlet",
    "logistic_normal",
    "von_mises_fisher",
    "power_spherical",
}

PICTURES = ["prior and aggregate posterior", "marginals of the most used dimensions"]
# Of numbers that are bounded the marginals say it all, of bits how often each is one.
MISSING_PICTURES = {"gamma": PICTURES[0], "beta": PICTURES[0], "bernoulli": PICTURES[1]}


def pairs():
    """Yield every posterior with VampPrior and one that factorises, and every prior once."""
    seen = set()
    for posterior, priors in POSTERIORS.items():
        if posterior == "joint":  # of which each part is another latent
            continue
        kinds = {"vamp", min(priors & INDEPENDENT_PRIORS, default="vamp")}
        yield from ((posterior, prior) for prior in sorted(priors & kinds | priors - seen))
        seen |= priors


@pytest.mark.parametrize(("posterior", "prior"), [*pairs()])
def test_posterior_and_prior(posterior, prior):
    model = build_model(paired(posterior, prior), BINARY)
    section = section_of(model, examples(BINARY, 20), num_shown=2)
    table, figures = section.tables[TABLE], section.figures
    assert sorted(row["dimension"] for row in table) == [0, 1, 2, 3]
    assert len({tuple(row) for row in table}) == 1
    factorised = posterior in INDEPENDENT
    apart = factorised and prior in INDEPENDENT_PRIORS
    assert ("KL (nats)" in table[0]) == apart
    assert ("marginal KL (nats)" in table[0]) == apart
    assert ("mean posterior variance" in table[0]) == (posterior not in SPREADLESS)
    assert ("mutual_information" in figures) == factorised
    assert ("dimension_wise_kl" in figures) == apart
    assert ("aggregate_kl_bound" in figures) == (posterior not in FEWER_DIMENSIONS)
    assert all(figure.value == figure.value for figure in figures.values())
    if "KL (nats)" in table[0]:
        whole = sum(row["KL (nats)"] for row in table)
        assert whole == pytest.approx(figures["kl"].value, rel=1e-5)
    missing = MISSING_PICTURES.get(posterior)
    assert [*section.pictures][1:] == [title for title in PICTURES if title != missing]
    assert section.series["diagnosis"]


def test_the_seed_decides_and_the_limit_of_examples_holds(gold):
    x = gold.marginal.sample((300,))
    one, two = (section_of(gold.factorised(), x, num_examples=200) for _ in range(2))
    assert one.as_dict() == two.as_dict()
    assert one.protocol["num_examples"] == 200


def test_a_model_of_no_meaning_is_named(gold):
    model = gold.factorised()
    model.encoder.net.bias.data[0] = float("nan")
    with pytest.raises(NotApplicable, match="not finite: the model has diverged"):
        LatentSpace()(subject_of(model.float(), torch.randn(10, 6)))
    with pytest.raises(NotApplicable, match="two examples or more"):
        LatentSpace()(subject_of(gold.factorised().float(), torch.randn(1, 6)))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"num_examples": 1}, "num_examples must be at least 2 or null; got 1"),
        ({"num_points": 1}, "num_points must be at least 2; got 1"),
        ({"num_shown": 0}, "num_shown must be at least 1; got 0"),
    ],
)
def test_wrong_settings(setting, message):
    with pytest.raises(ValueError, match=message):
        LatentSpace(**setting)
