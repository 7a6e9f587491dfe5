"""The verdict: each sentence by its rule."""

import re

import pytest

from vae.evaluation import Figure, Report, Section
from vae.history import Point
from vae.reports.curve import judged, visible
from vae.reports.verdict import verdict

MODEL = {"_target_": "vae.models.VAE", "latent_dim": 10}
CONV = {"_target_": "vae.networks.ConvEncoder"}
BOUND = {"elbo": (-97.26, 0.12), "kl": (12.3, 0.1), "nll": (95.0, 0.1), "active_units": (7, None)}


def report_of(latent=None, share=None, difference=None, history=(), **changed):
    bound = {
        key: Figure(key, value, "" if key == "active_units" else "nats", error)
        for key, (value, error) in {**BOUND, **changed}.items()
    }
    if share is not None:
        bound["pareto_k_share"] = Figure("share", share)
    sections = {"bound": Section("Bound", bound)}
    if latent is not None:
        names, gap = latent
        figures = {"kl": bound["kl"], "active_units": bound["active_units"]}
        figures["num_dims"] = Figure("latent dimensions", 10)
        series = {"diagnosis": names, "gap": gap}
        sections["latent_space"] = Section("Latent space", figures, series=series)
    if difference is not None:
        sections["annealing"] = Section("AIS", {"difference": Figure("", *difference)})
    config = {
        "model": {**MODEL, "encoder": CONV},
        "likelihood": {"_target_": "vae.distributions.Bernoulli"},
        "prior": {"_target_": "vae.priors.VampPrior"},
        "objective": {"_target_": "vae.objectives.ELBO"},
    }
    data = {"data": "sprites", "train_examples": 8000}
    protocol = {"split": "test", "step": 1200, "data": data}
    return Report(protocol, sections, config=config, history=history)


def told(topic, **given):
    return next((tone, text) for name, text, tone in verdict(report_of(**given)) if name == topic)


def test_the_model_and_the_headline_figure_are_told_with_the_error():
    assert told("Model")[1] == (
        "VAE of conv nets with 10 latent variables, Bernoulli likelihood, prior VampPrior; trained "
        "on 8,000 examples of sprites for 1,200 steps."
    )
    assert "On the test data the ELBO is -97.26 ± 0.12 nats per example" in told("Fit")[1]


def test_of_another_model_nothing_is_said_that_it_need_not_use():
    report = report_of()
    report.config["model"] = {"_target_": "vae.models.Factors", "width": 2, "encoder": CONV}
    report.config["objective"] = {"_target_": "vae.objectives.IWAE"}
    assert verdict(report)[0].text.startswith("Factors, objective IWAE; trained on 8,000 examples")


@pytest.mark.parametrize(
    ("given", "tone", "words"),
    [
        ({"latent": (["healthy"], 0.1)}, "good", "In use: 7 of 10 dimensions are active"),
        ({"latent": (["unused", "holes"], 5.0)}, "good", "In use: 7 of 10"),
        ({"latent": (["collapsed"], 0.0)}, "bad", "Collapsed"),
        ({"latent": (["ignored", "unused"], 0.0)}, "bad", "Ignored"),
        ({"latent": (["autoencoder"], 0.0)}, "caution", "deterministic autoencoder"),
        ({}, "good", "In use: 7 dimensions are active"),
        ({"kl": (0.09, 0.01)}, "bad", "Collapsed"),
    ],
)
def test_the_use_of_the_latent_space_is_told(given, tone, words):
    found, text = told("Latent space", **given)
    assert found == tone
    assert text.startswith(words) or words in text


@pytest.mark.parametrize(
    ("given", "tone", "words"),
    [
        ({"latent": (["unused", "holes"], 5.0)}, "caution", "Poorer than reconstructions.* 5 nats"),
        ({"latent": (["healthy"], 0.1)}, "good", "no holes were found"),
        ({"latent": (["healthy"], None)}, "plain", "not judged here"),
        ({"latent": (["collapsed"], 0.0)}, "bad", "do not depend on the latents"),
        ({}, "plain", "report=full"),
    ],
)
def test_whether_samples_can_be_trusted_is_told(given, tone, words):
    found, text = told("Samples", **given)
    assert found == tone
    assert re.search(words, text)


@pytest.mark.parametrize(
    ("given", "tone", "words"),
    [
        ({}, "plain", "from 25 samples on"),
        ({"share": 0.0}, "good", "can be trusted"),
        ({"share": 0.125}, "caution", "For 12.5% of the examples"),
        ({"share": 0.0, "difference": (0.5, "nats", 0.1)}, "caution", "Annealing finds"),
        ({"share": 0.0, "difference": (0.1, "nats", 0.1)}, "good", "can be trusted"),
    ],
)
def test_whether_the_likelihood_can_be_trusted_is_told(given, tone, words):
    found, text = told("Likelihood", **given)
    assert found == tone
    assert words in text


def history_of(*elbos):
    return [Point(100 * (i + 1), elbo, elbo, 0.0) for i, elbo in enumerate(elbos)]


@pytest.mark.parametrize(
    ("elbos", "caution", "words"),
    [
        ((-100, -80, -70, -66, -65, -65, -65, -65), False, "levelled off by step 800"),
        ((-100, -90, -80, -70, -60, -50, -40, -30), True, "still rose by 20 nats"),
        ((-100, -60, -50, -60, -65, -70), True, "highest at step 300 and fell by 20 nats"),
        ((-50, -60, -70, -80, -90), True, "never rose"),
    ],
)
def test_how_the_curve_of_training_ends_is_told(elbos, caution, words):
    said = judged(history_of(*elbos))
    assert said.caution == caution
    assert words in said.text
    assert told("Training", history=history_of(*elbos))[0] == ("caution" if caution else "good")


def test_a_short_curve_is_not_judged_and_a_low_start_is_not_drawn():
    assert judged(history_of(-5, -4, -3, -2)) is None
    history = history_of(-9000, -104, -103, -102, -101, -100, -100, -100)
    assert visible(history)[0].step == 200


@pytest.mark.parametrize(
    ("figures", "tone", "words"),
    [
        ({"ece": 0.05, "overconfidence": 0.04}, "caution", "Too sure: confidence lies 0.040 above"),
        ({"ece": 0.05, "overconfidence": -0.04}, "caution", "Too unsure: confidence lies 0.040 be"),
        ({"ece": 0.05, "overconfidence": 0.01}, "caution", "Too sure here, too unsure there: "),
        ({"ece": 0.015, "overconfidence": 0.01}, "good", "Confidence can be trusted"),
        ({"coverage_error": 0.28, "overconfidence": -0.28}, "caution", "Too unsure: central 50 % "),
        ({"coverage_error": 0.28, "overconfidence": 0.28}, "caution", "Too sure: central 50 % in"),
        ({"coverage_error": 0.01, "overconfidence": 0.01}, "good", "Intervals can be trusted"),
    ],
)
def test_a_net_is_told_to_be_too_sure_or_too_unsure(figures, tone, words):
    chance = {f"{key}_if_calibrated": 0.01 for key in figures}
    known = {**figures, **chance, "inside_50": 0.2, "inside_90": 0.426}
    section = Section("", {key: Figure("", value) for key, value in known.items()})
    report = Report({}, {"predictions": section})
    ((_, text, found),) = verdict(report)
    assert found == tone
    assert text.startswith(words)
    assert ("hold 20 % of the targets, 90 % intervals 43 %" in text) == (
        "coverage_error" in figures
    )


def test_an_error_stands_beside_the_target_s_own_deviation():
    known = {"rmse": 0.5, "target_deviation": 1.0, "r2": 0.75}
    section = Section("", {key: Figure("", value) for key, value in known.items()})
    ((_, text, _),) = verdict(Report({}, {"predictions": section}))
    assert "0.500, in the target's unit, where the target's own deviation is 1: R² = 0.750" in text


def test_a_report_without_a_bound_still_says_what_was_trained():
    report = report_of()
    report.sections.clear()
    assert [remark.topic for remark in verdict(report)] == ["Model", "Samples"]
