"""Rate and distortion of the linear-Gaussian model, where both are Gaussian integrals."""

import re
from math import log, pi

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import SIGMA, LinearGaussian
from vae.evaluation import RateDistortion, draw_rate_distortion, measure
from vae.evaluation.measures.annealing import SCHEDULES, anneal
from vae.evaluation.measures.latent_path import LatentPath
from vae.evaluation.measures.tradeoff import (
    Curve,
    Excess,
    excess_rate,
    rate_and_distortion,
    trace_curve,
)
from vae.evaluation.sections.rate_distortion import notes_of

pytestmark = pytest.mark.usefixtures("double_precision")


def tempered(gold, x, beta):
    """Exact rate and distortion of p(z) p(x|z)^β, ``(B,)`` each."""
    precision = torch.eye(gold.latent_dim) + beta * gold.w.T @ gold.w / SIGMA**2
    covariance = torch.linalg.inv(precision)
    mean = beta / SIGMA**2 * (x - gold.b) @ gold.w @ covariance
    code = MultivariateNormal(mean, covariance)
    p = MultivariateNormal(torch.zeros(gold.latent_dim), torch.eye(gold.latent_dim))
    square = (x - gold.b - mean @ gold.w.T).square().sum(-1)
    square = square + (gold.w @ covariance @ gold.w.T).trace()
    constant = gold.data_dim / 2 * log(2 * pi * SIGMA**2)
    return kl_divergence(code, p), square / (2 * SIGMA**2) + constant


def exact_curve(gold, x, betas):
    rates, distortions = (
        torch.stack(c) for c in zip(*(tempered(gold, x, b) for b in betas), strict=True)
    )
    log_z = -rates - betas[:, None] * distortions
    return Curve(betas, log_z, distortions, torch.ones_like(rates))


def test_the_closed_form_is_the_likelihood_at_beta_one():
    gold = LinearGaussian()
    x = gold.marginal.sample((5,))
    rate, distortion = tempered(gold, x, 1.0)
    assert torch.allclose(-rate - distortion, gold.log_p(x))


def test_one_annealing_traces_the_curve():
    gold, copies = LinearGaussian(), 60
    x = gold.marginal.sample((1,))
    path = LatentPath(gold.factorised(), x.expand(copies, -1), num_chains=24)
    betas = 3 * SCHEDULES["geometric"](60)
    stages = anneal(path, path.draw(24), betas, scale=path.scale, num_steps=3)
    curve = trace_curve(stages)
    assert torch.equal(curve.betas, betas[1:])
    for i in (5, 20, 40, 59):
        rate, distortion = tempered(gold, x, curve.betas[i].item())
        for found, exact in ((curve.rate[i], rate), (curve.distortion[i], distortion)):
            noise = found.std() / copies**0.5
            assert noise < 0.1 * exact.abs().clamp_min(1)
            # Beside the noise: of rates the bias of a logarithm, of ratios one of their kind.
            assert (found.mean() - exact).abs() < 4 * noise + found.var() / 2


def test_the_excess_is_what_a_worse_code_adds():
    gold = LinearGaussian()
    x = gold.marginal.sample((9,))
    curve = exact_curve(gold, x, torch.linspace(0.02, 2, 100))
    rate, distortion = tempered(gold, x, 0.5)
    excess = excess_rate(curve, rate + 0.3, distortion)
    assert excess.beta == pytest.approx(0.5)
    assert excess.each.mean().item() == pytest.approx(0.3, abs=1e-10)
    assert excess_rate(curve, *tempered(gold, x, 5.0)) is None


def test_the_model_never_beats_the_curve_and_the_exact_posterior_lies_on_it():
    gold = LinearGaussian()
    x = gold.marginal.sample((9,))
    curve = exact_curve(gold, x, torch.linspace(0.02, 2, 100))
    own = rate_and_distortion(gold.exact(), x, num_samples=20_000, max_rows=60_000)
    assert excess_rate(curve, *own).each.mean().abs() < 0.05
    wide = rate_and_distortion(gold.factorised(width=2.0), x, num_samples=2000)
    gap = wide[0] + wide[1] + gold.log_p(x)
    assert 0.2 < excess_rate(curve, *wide).each.mean() <= gap.mean() + 1e-9


def test_neither_point_nor_curve_depends_on_how_many_are_decoded_at_once():
    gold = LinearGaussian()
    x = gold.marginal.sample((7,))
    evaluation = RateDistortion(num_temperatures=10, num_steps=1, num_samples=40)
    found = []
    for max_rows in (1, 100, 4096):
        torch.manual_seed(0)
        found.append(rate_and_distortion(gold.exact(), x, num_samples=40, max_rows=max_rows))
        subject = subject_of(gold.factorised(width=2.0).float(), x.float(), max_rows=max_rows)
        section = measure(subject, {"it": evaluation}).sections["it"]
        found[-1] += (torch.tensor([figure.value for figure in section.figures.values()]),)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert torch.allclose(one, other, rtol=1e-4)


def test_the_section_compares_the_model_with_its_decoder():
    gold = LinearGaussian()
    x = gold.marginal.sample((20,)).float()
    subject = subject_of(gold.factorised(width=2.0).float(), x)
    evaluation = RateDistortion(num_chains=12, num_temperatures=150, num_samples=500)
    report = measure(subject, {"rate_distortion": evaluation})
    assert report.as_dict() == measure(subject, {"rate_distortion": evaluation}).as_dict()
    section = report.sections["rate_distortion"]
    figures = section.figures
    curve = exact_curve(gold, x[:16].double(), torch.linspace(0.01, 4, 400))
    own = rate_and_distortion(gold.factorised(width=2.0), x[:16].double(), num_samples=5000)
    expected = excess_rate(curve, *own).each
    assert figures["excess_rate"].value == pytest.approx(expected.mean().item(), abs=0.15)
    assert figures["best_rate"].value + figures["excess_rate"].value == pytest.approx(
        figures["rate"].value
    )
    table = section.tables["Rate–distortion curve"]
    assert len(table) == 12
    assert table[-1]["β"] == 4
    assert table[0]["rate (nats)"] < table[-1]["rate (nats)"]
    assert table[0]["distortion (nats)"] > table[-1]["distortion (nats)"]
    assert section.pictures["Rate and distortion"].pixels.dtype == torch.uint8


def test_a_model_beyond_the_end_of_the_curve_is_not_compared():
    gold = LinearGaussian()
    x = gold.marginal.sample((10,)).float()
    subject = subject_of(gold.factorised().float(), x)
    section = RateDistortion(num_temperatures=10, num_steps=2, max_beta=0.05)(subject)
    assert "excess_rate" not in section.figures
    assert section.notes[-1].startswith("The curve ends, at β = 0.05, before")


def test_a_model_below_the_curve_is_no_discovery():
    below, above = (Excess(1.0, torch.full((3,), value)) for value in (-0.1, 0.1))
    assert notes_of(below, 4.0)[-1].startswith("The model lies below the curve")
    assert len(notes_of(above, 4.0)) == len(notes_of(below, 4.0)) - 1


def test_the_curve_has_no_fork_where_the_chains_step_back():
    """A worse point lies beside the line as a dot."""
    smooth = ([90.0, 60.0, 40.0], [3.0, 6.0, 12.0])
    back = ([90.0, 60.0, 65.0, 40.0], [3.0, 6.0, 7.0, 12.0])
    one, two = (draw_rate_distortion([], {"best": curve}) for curve in (smooth, back))
    assert two.svg.count("<use") == one.svg.count("<use") + 1
    lines = [re.findall(r'd="(M[^"]*)"[^>]*stroke-linecap: square', p.svg) for p in (one, two)]
    assert lines[0]
    assert lines[0] == lines[1]


def test_models_are_points_of_one_plane():
    one = draw_rate_distortion([("β = 1", 10.0, 50.0)])
    two = draw_rate_distortion([("β = 1", 10.0, 50.0), ("β = 4", 5.0, 70.0)])
    curve = draw_rate_distortion([("β = 1", 10.0, 50.0)], {"best": ([90.0, 40.0], [0.5, 12.0])})
    assert one.legend == ()
    assert [name for name, _ in two.legend] == ["β = 1", "β = 4"]
    assert [name for name, _ in curve.legend] == ["best", "β = 1"]
    assert len({one.svg, two.svg, curve.svg}) == 3


@pytest.mark.parametrize("setting", [{"max_beta": 0.0}, {"num_samples": 0}, {"num_chains": 1}])
def test_settings_that_mean_nothing_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        RateDistortion(**setting)
