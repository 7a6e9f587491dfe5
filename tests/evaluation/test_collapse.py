"""What the use of the latents means, in words."""

import re

import pytest

from tests.steps import BINARY, MLP, composed
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import LatentUse, diagnose
from vae.evaluation.measures.collapse import THRESHOLDS
from vae.evaluation.pointless import learned_priors, pointless

REAL = DataSpec("real", (1, 8, 8), "real")
FINE = LatentUse(kl=20.0, swap_cost=80.0, num_dims=10, unused=(), noise=0.05, gap=0.6)


def verdicts(**changes):
    return list(diagnose(FINE._replace(**changes)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["healthy"]),
        ({"noise": None, "gap": None}, ["healthy"]),
        ({"unused": (3, 7)}, ["unused"]),
        ({"swap_cost": 0.05}, ["ignored"]),
        ({"swap_cost": -0.3}, ["ignored"]),
        ({"swap_cost": 1.9, "swap_error": 1.0}, ["ignored"]),
        ({"swap_cost": 2.1, "swap_error": 1.0}, ["healthy"]),
        ({"noise": 1e-6}, ["autoencoder"]),
        ({"gap": 9.0}, ["holes"]),
        ({"noise": 1e-8, "gap": 40.0, "unused": (0,)}, ["unused", "autoencoder", "holes"]),
        ({"kl": 0.01, "swap_cost": 0.0, "unused": range(10)}, ["collapsed"]),
        ({"kl": 0.01, "swap_cost": 5.0}, ["collapsed"]),
        ({"kl": 0.0, "unused": range(10), "gap": 0.0, "noise": None}, ["collapsed"]),
    ],
)
def test_verdict(changes, expected):
    assert verdicts(**changes) == expected


@pytest.mark.parametrize(
    ("name", "setting", "verdict", "side"),
    [
        ("collapsed_kl", "kl", "collapsed", -1),
        ("ignored_swap", "swap_cost", "ignored", -1),
        ("autoencoder_noise", "noise", "autoencoder", -1),
        ("holes_gap", "gap", "holes", 1),
    ],
)
def test_each_threshold_is_where_the_protocol_says(name, setting, verdict, side):
    limit = THRESHOLDS[name]
    assert verdicts(**{setting: limit * (1 + 0.01 * side)}) == [verdict]
    assert verdicts(**{setting: limit * (1 - 0.01 * side)}) == ["healthy"]


def test_sentences_carry_the_figures_and_what_to_try():
    said = diagnose(LatentUse(30.0, 0.02, 20, (4, 11), 3e-7, 12.3, 0.17))
    assert "30 nats" in said["ignored"]
    assert "0.02 ± 0.17 nats" in said["ignored"]
    assert said["unused"].startswith("2 of 20 dimensions are not used: 4, 11.")
    assert "3e-07" in said["autoencoder"]
    assert "12.3 nats" in said["holes"]
    assert "prior=vamp" in said["holes"]
    assert "objective=free_bits" in diagnose(FINE._replace(kl=0.0))["collapsed"]


def test_health_claims_only_what_was_measured():
    assert "fill the prior" in diagnose(FINE)["healthy"]
    assert "fill the prior" not in diagnose(FINE._replace(gap=None))["healthy"]


def test_many_unused_dimensions_are_not_all_listed():
    said = diagnose(FINE._replace(num_dims=100, unused=range(90)))["unused"]
    assert said.startswith("90 of 100 dimensions")
    assert "10, 11 and others." in said


ADVISED = {
    "likelihood=normal_learned": {"unused": (3,)},
    "prior=vamp": {"gap": 5.0},
    "prior=nsf": {"gap": 5.0},
    "posterior=normal": {"noise": 1e-6},
    "stage=prior": {"gap": 5.0},
}


@pytest.mark.parametrize("setting", ADVISED)
def test_what_a_model_has_already_is_not_advised(setting):
    use = FINE._replace(**ADVISED[setting])
    assert setting in " ".join(diagnose(use).values())
    told = diagnose(use._replace(pointless=[setting]))
    assert told.keys() == diagnose(use).keys()
    assert setting not in " ".join(told.values())


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (["likelihood=normal"], {"posterior=normal"}),
        (
            ["likelihood=normal_learned", "prior=nsf"],
            {"posterior=normal", "prior=nsf", "likelihood=normal_learned"},
        ),
        (["posterior=nsf"], {"likelihood=normal_learned"}),  # of bits
        (
            ["prior=vamp", "prior.num_components=3"],
            {"posterior=normal", "prior=vamp", "likelihood=normal_learned"},
        ),
    ],
)
def test_what_a_model_has_is_seen_from_its_parts(given, known):
    data = REAL if "likelihood" in given[0] else BINARY
    assert set(pointless(build_model(composed(*MLP, *given), data))) == known


@pytest.mark.parametrize(
    ("given", "priors"),
    [
        ([], ["prior=vamp", "prior=nsf"]),
        (["posterior=joint"], ["prior=joint_learned"]),
        (["posterior=categorical", "prior=uniform_categorical"], ["prior=vamp"]),
    ],
)
def test_the_priors_that_are_advised_fit_the_latents(given, priors):
    model = build_model(composed(*MLP, *given), BINARY)
    use = FINE._replace(gap=5.0, pointless=pointless(model), priors=learned_priors(model))
    told = diagnose(use)["holes"]
    assert re.findall(r"prior=(?:vamp|nsf|joint_learned)", told) == priors
    assert ("stage=prior" in told) == ("penalty=mmd" in told) == ("posterior=joint" not in given)
    for prior in priors:
        build_model(composed(*MLP, *given, prior), BINARY)
