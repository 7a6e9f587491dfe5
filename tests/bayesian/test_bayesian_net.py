"""The model of one net with a posterior over its weights: exact cases, predictions, refusals."""

from math import log

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, Normal

from tests.evaluation.subjects import Held
from vae.bayesian import Flipout, GaussianPrior, LocalReparameterization, PlainSampling, bayesian
from vae.data import DataModule, DataSpec
from vae.data.source import TensorExamples
from vae.distributions import ClassResponse, RealResponse
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound
from vae.draws import At, Posterior
from vae.evaluation import Bound, Gallery, Predictions, Subject, measure
from vae.evaluation.measures.calibration import (
    calibration_error,
    coverage,
    entropies,
    expected_coverage_error,
    expected_if_calibrated,
    into_bins,
    sizes,
)
from vae.evaluation.sections.predicted_numbers import PredictedNumbers, of_numbers
from vae.models import BayesianNet, Standardize
from vae.networks import MLP, Linear
from vae.objectives import ELBO, IWAE, Progress, StickTheLanding
from vae.objectives.penalties import MMD

pytestmark = pytest.mark.usefixtures("double_precision")
ESTIMATORS = [PlainSampling(), Flipout(), LocalReparameterization()]


def regression(estimator=None, hidden=(8,), dim=3, varying=False):
    response = RealResponse(varying=varying)
    net = MLP((dim,), response.param_shape, hidden=hidden) if hidden else Linear((dim,), (1,))
    return BayesianNet(bayesian(net, prior=GaussianPrior(1.0), estimator=estimator), response)


def exact(x, y, sigma):
    """Return mean and precision of the weights of a line with a bias under N(0, 1) priors."""
    rows = torch.cat([x, torch.ones(len(x), 1)], 1)
    precision = rows.T @ rows / sigma**2 + torch.eye(rows.shape[1])
    return torch.linalg.solve(precision, rows.T @ y / sigma**2), precision


def test_a_linear_net_is_the_exact_regression():
    x = torch.randn(40, 3) @ torch.tensor([[1.0, 0.4, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 1.2]])
    y = x @ torch.tensor([1.0, -2.0, 0.5]) + 0.7 + 0.3 * torch.randn(40)
    mean, precision = exact(x, y, 0.3)
    model, objective = regression(hidden=()), ELBO(num_samples=30)
    model.response.log_noise.data.fill_(inverse_soft_bound(log(0.3), *LOG_SCALE_BOUNDS))
    (layer,) = model.net.layers.values()
    weights = [layer.log_scale, *model.net.net.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 500)
    for _ in range(500):
        optimizer.zero_grad()
        trace = model({"x": x, "target": y}, num_samples=30, num_examples=40)
        sum(objective(trace, Progress()).values()).backward()
        optimizer.step()
        schedule.step()
    affine = model.net.net.affine
    found = torch.cat([affine.weight[0], affine.bias])
    width = precision.diagonal().rsqrt()
    assert ((found - mean).abs() < 0.05 * width).all()
    assert torch.allclose(layer.log_scale.exp(), width, rtol=0.02)
    # The bound at the optimum is the evidence less what independence costs.
    rows = torch.cat([x, torch.ones(40, 1)], 1)
    evidence = torch.distributions.MultivariateNormal(
        torch.zeros(40), rows @ rows.T + 0.09 * torch.eye(40)
    ).log_prob(y)
    cost = 0.5 * (precision.diagonal().log().sum() - precision.logdet())
    with torch.no_grad():
        bound = 40 * model({"x": x, "target": y}, num_samples=4000, num_examples=40).elbo.mean()
    assert bound.item() == pytest.approx((evidence - cost).item(), abs=0.3)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("count", [1, 3])
def test_every_parameter_learns_and_the_kl_counts_once_for_all_examples(estimator, count):
    model, batch = regression(estimator), {"x": torch.randn(6, 3), "target": torch.randn(6)}
    trace = model(batch, num_samples=count, num_examples=200)
    assert trace.log_px.shape == (count, 6)
    assert trace.kl.shape == (count, 1)
    again = Posterior(1, num_examples=1)
    model.net.weights(again)
    assert torch.allclose(200 * trace.kl, again.trace().kl)
    terms = ELBO(num_samples=count)(trace)
    sum(terms.values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_bounds_of_several_samples_and_scores_of_weights_are_refused():
    model, batch = regression(), {"x": torch.randn(6, 3), "target": torch.randn(6)}
    with pytest.raises(ValueError, match="all examples share the latent"):
        IWAE(num_samples=3)(model(batch, num_samples=3))
    with pytest.raises(ValueError, match="was not drawn"):
        IWAE(num_samples=1)(model(batch))
    with pytest.raises(ValueError, match="was not drawn"):
        ELBO(estimator=StickTheLanding())(model(batch))
    model = regression(PlainSampling())
    ELBO(estimator=StickTheLanding())(model(batch))["kl"].backward()


@pytest.mark.parametrize(("hidden", "told"), [((), "all examples share"), ((8,), "got 2")])
def test_penalties_on_weights_are_refused(hidden, told):
    batch = {"x": torch.randn(6, 3), "target": torch.randn(6)}
    with pytest.raises(ValueError, match=told):
        MMD()(regression(hidden=hidden)(batch))


def test_predictions_are_the_mean_over_weights_in_units_of_the_target():
    model, x = regression(varying=True), torch.randn(5, 3)
    for layer in model.net.layers.values():
        layer.log_scale.data.fill_(-1.0)
    model.response.start_from(torch.tensor([90.0, 110.0]))
    torch.manual_seed(3)
    p = model.predict(x, 7)
    torch.manual_seed(3)
    raw = model.outputs(x, 7)
    assert raw.shape == (7, 5, 2)
    each = model.response(raw)
    assert torch.allclose(each.mean, 100 + 10 * raw[..., 0])
    y = torch.full((5,), 101.0)
    assert torch.allclose(p.log_prob(y), each.log_prob(y).logsumexp(0) - log(7))
    assert torch.allclose(p.mean, each.mean.mean(0))
    sliced = model.outputs(x, 7, max_rows=2)
    assert sliced.shape == raw.shape
    assert sliced.std(0).min() > 0


def test_given_weights_are_those_of_every_prediction():
    model, x = regression(), torch.randn(5, 3)
    drawn = Posterior(2, whole=False)
    model.net.weights(drawn)
    values = {name: latent.z for name, latent in drawn.latents.items()}
    px = model.ran({"x": x}, At(values)).observed["target"].px
    assert px.batch_shape == (2, 5)
    again = model.ran({"x": x}, At(values)).observed["target"].px
    assert torch.equal(px.mean, again.mean)
    assert model.sample(5, given={"x": x}).shape == (5,)


def test_classes_are_mixed_by_their_probabilities():
    response, raw = ClassResponse(4), 3 * torch.randn(6, 5, 4)
    assert torch.allclose(response.mixed(raw).probs, raw.softmax(-1).mean(0))
    log_p = raw.log_softmax(-1)
    whole, expected = entropies(log_p)
    assert torch.allclose(whole, response.mixed(raw).entropy())
    assert torch.allclose(expected, Categorical(logits=raw).entropy().mean(0))
    assert (whole >= expected).all()


def test_a_model_that_is_right_has_the_error_of_chance():
    confidence = 0.3 + 0.7 * torch.rand(2000)
    right, noise = torch.bernoulli(confidence), expected_if_calibrated(confidence, 15)
    assert calibration_error(into_bins(confidence, right, 15)) == pytest.approx(noise, rel=0.6)
    bins = into_bins(torch.tensor([0.55, 0.6, 0.95, 1.0]), torch.tensor([1, 0, 1, 1]), 10)
    assert bins.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert calibration_error(bins) == pytest.approx(0.5 * 0.075 + 0.5 * 0.025)
    sure = into_bins(torch.full((1000,), 0.99), torch.arange(1000) % 2 == 0, 15)
    assert calibration_error(sure) == pytest.approx(0.49)
    y = torch.randn(4000)
    assert torch.allclose(coverage(Normal(0.0, 1.0).cdf(y), 5), torch.arange(1, 6) / 5, atol=0.04)
    assert coverage(Normal(0.0, 0.5).cdf(y), 5)[3] < 0.6
    errors = [coverage(torch.rand(50), 5).sub(sizes(5)).abs().mean() for _ in range(400)]
    assert expected_coverage_error(50, 5) == pytest.approx(sum(errors).item() / 400, rel=0.2)


@pytest.mark.parametrize(("sigma", "side"), [(0.5, 1), (4.0, -1)])
def test_intervals_too_narrow_are_too_sure_and_too_wide_too_unsure(sigma, side):
    """Of y = m + ε, of which m is known."""
    m, p = 3 * torch.randn(2000), Normal(0.0, sigma)
    y = m + torch.randn(2000)
    noise, none = torch.full_like(m, sigma**2), torch.zeros_like(m)
    found = PredictedNumbers(y, m, p.log_prob(y - m), p.cdf(y - m), noise, none)
    section = of_numbers(found, 15)
    value = {key: figure.value for key, figure in section.figures.items()}
    assert value["coverage_error"] > 5 * value["coverage_error_if_calibrated"]
    assert value["overconfidence"] == pytest.approx(side * value["coverage_error"], rel=0.05)
    exact_share = 2 * Normal(0.0, 1.0).cdf(p.icdf(torch.tensor(0.95))) - 1
    assert value["inside_90"] == pytest.approx(exact_share.item(), abs=0.03)
    assert (value["r2"], value["target_deviation"] ** 2) == pytest.approx((0.9, 10), rel=0.1)
    assert "of 2,000 examples" in section.pictures["predicted and true"].note


class Bumps(nn.Module):
    """Features each of which only a part of the line has."""

    def forward(self, x):
        return torch.exp(-0.5 * ((x - torch.linspace(-3, 3, 25)) / 0.25) ** 2)


def test_doubt_grows_in_a_gap_of_the_data():
    """Of weights that the gap alone would tell; of one layer of ReLU a mean field cannot show it.

    (On the Expressiveness of Approximate Inference in Bayesian Neural Networks, Foong et al., 2020)
    """
    x = torch.cat([torch.linspace(-2, -1, 60), torch.linspace(1, 2, 60)])[:, None]
    y = (3 * x[:, 0]).sin() + 0.05 * torch.randn(120)
    net = bayesian(nn.Sequential(Bumps(), nn.Linear(25, 1)), prior=GaussianPrior(1.0))
    model = BayesianNet(net, RealResponse())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        (-model({"x": x, "target": y}, num_examples=120).elbo.mean()).backward()
        optimizer.step()
    places = torch.tensor([[-1.5], [-1.2], [0.0], [1.2], [1.5]])
    p = model.predict(places, 500)
    doubt = p.component_distribution.mean.std(-1)
    assert doubt[2] > 10 * doubt[[0, 1, 3, 4]].max()
    assert p.variance.sqrt()[2] > 5 * p.variance.sqrt()[[0, 1, 3, 4]].max()


def held(x, *, labels=None, target=None, **facts):
    fields = {} if target is None else {"target": {"shape": (), "dtype": "float32"}}
    classes = None if labels is None else int(labels.max()) + 1
    spec = DataSpec("held", tuple(x.shape[1:]), "real", num_classes=classes, fields=fields, **facts)
    columns = {} if target is None else {"target": target.float()}
    examples = TensorExamples(x.float(), labels, fields=columns)
    return DataModule(Held(spec, examples))


def test_a_report_judges_predictions_and_leaves_out_what_makes_x():
    x = torch.randn(300, 3)
    sections = {"bound": Bound(5), "predictions": Predictions(20), "gallery": Gallery()}
    numbers = held(x, target=x.sum(1))
    model = regression().float()
    report = measure(Subject(model.eval(), numbers), sections)
    assert report.left_out == {"gallery": "the model predicts target from x, and makes no x"}
    figures = report.sections["predictions"].figures
    assert figures["rmse"].value > 0
    assert "active_units" not in report.sections["bound"].figures
    (rows,) = report.sections["bound"].tables.values()  # of weights: no use, no aggregate posterior
    assert rows[0].keys() == {"latent", "dimensions", "KL (nats)"}
    labels = (x[:, 0] > 0).long()
    net = bayesian(MLP((3,), (2,), hidden=(8,)))
    classes = BayesianNet(net, ClassResponse(2)).float()
    other = held(10 + 5 * x, labels=labels)
    report = measure(
        Subject(classes.eval(), held(x, labels=labels)),
        {"predictions": Predictions(20, other=other)},
    )
    figures = report.sections["predictions"].figures
    assert {"accuracy", "log_likelihood", "ece", "auroc_entropy"} <= figures.keys()
    assert figures["entropy"].value == pytest.approx(
        figures["expected_entropy"].value + figures["mutual_information"].value
    )
    assert set(report.sections["predictions"].pictures) == {
        "reliability",
        "predictive entropy",
        "mutual information",
    }


def test_one_example_has_a_predictive_likelihood_alone():
    model, x, y = regression(), torch.randn(4, 3), torch.randn(4)
    with pytest.raises(ValueError, match=r"share the latent .*predict\(x\)\.log_prob\(y\)"):
        model.log_likelihood({"x": x, "target": y})
    assert model.predict(x).log_prob(y).shape == (4,)


def test_a_mixture_of_equal_parts_is_one_of_them():
    response, raw = RealResponse(), torch.randn(1, 4, 1).expand(6, 4, 1)
    p, y = response.mixed(raw), torch.randn(4)
    assert isinstance(p, MixtureSameFamily)
    assert torch.allclose(p.log_prob(y), response(raw[0]).log_prob(y))


def test_standardized_inputs_are_the_model_s_own_business():
    model = regression()
    model.standardize = Standardize((3,))
    model.standardize.set(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 2.0]))
    other = BayesianNet(model.net, model.response)
    x = torch.randn(4, 3)
    torch.manual_seed(0)
    one = model.outputs(x, 3)
    torch.manual_seed(0)
    assert torch.allclose(one, other.outputs((x - torch.tensor([1.0, 2.0, 3.0])) / 2, 3))


@pytest.mark.parametrize("num_samples", [1, 4])
def test_a_column_of_targets_is_no_table_of_draws(num_samples):
    batch = {"x": torch.randn(4, 3), "target": torch.randn(4, 1)}
    with pytest.raises(ValueError, match=r"target has shape \(4, 1\).* expected \(B, \*event\)"):
        regression()(batch, num_samples=num_samples)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            torch.zeros(3),
            ValueError,
            r"shape \(B, 3\); got shape \(3,\): give x\[None\] for one ex",
        ),
        (torch.zeros(7, 2, 3), ValueError, r"x must be .* \(B, 3\); got shape \(7, 2, 3\)$"),
        (torch.zeros(2, 4), ValueError, r"x must be .* \(B, 3\); got shape \(2, 4\)$"),
        (torch.full((2, 3), torch.nan), ValueError, r"must be finite; got nan at index \(0, 0\)"),
        ([[1.0, 2.0, 3.0]], TypeError, "x must be a tensor; got list"),
        (torch.ones(2, 3).long(), TypeError, "x must be of floating point; got torch.int64"),
    ],
)
def test_what_is_no_input_is_refused(x, error, message):
    plain = BayesianNet(bayesian(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))), RealResponse())
    for model in (regression(), plain):
        with pytest.raises(error, match=message):
            model.predict(x.double() if torch.is_tensor(x) and x.is_floating_point() else x)
    with pytest.raises(TypeError, match="x must be torch.float32, as the model is"):
        regression().float().predict(torch.zeros(2, 3))


def test_a_prediction_has_no_gradient():
    predicted = regression().predict(torch.zeros(2, 3))
    assert predicted.stddev.numpy().shape == (2,)


@pytest.mark.parametrize(
    ("net", "response", "message"),
    [
        (nn.Linear(3, 1), RealResponse(), r"takes a net with .* bayesian\(net\); got Linear"),
        (bayesian(nn.Linear(3, 1)), "real", "response must be a RealResponse.* got 'real'"),
    ],
)
def test_what_is_no_bayesian_net_is_refused(net, response, message):
    with pytest.raises(ValueError, match=message):
        BayesianNet(net, response)
