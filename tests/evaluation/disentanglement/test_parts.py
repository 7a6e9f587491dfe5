"""Standard errors of scores against their spread over repeated data."""

import numpy as np
import pytest
import torch

from tests.evaluation.disentanglement.cases import factors, mixed, rotated
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import Disentanglement
from vae.evaluation.disentanglement import factor_vae_score, mig, sap
from vae.evaluation.disentanglement.error_by_parts import error_by_parts


def blurred(n, seed):
    """Return codes that neither tell the factors well nor hide them."""
    v = factors(n, seed=seed)
    return rotated(v, dims=5, seed=3) + np.random.default_rng(seed).normal(size=(n, 5)), v


@pytest.mark.parametrize(
    ("score", "settings"),
    [
        (mig, {}),
        (factor_vae_score, {"num_train": 2000, "num_eval": 1000, "batch_size": 16}),
    ],
)
def test_the_error_is_the_spread_over_repetitions(score, settings):
    found, errors = [], []
    for seed in range(25):
        z, v = blurred(2000, seed)
        found.append(score(z, v, **settings))
        errors.append(error_by_parts(score, z, v, settings))
    ratio = np.sqrt(np.mean(np.square(errors))) / np.std(found, ddof=1)
    assert 0.6 < ratio < 1.6


def test_there_is_none_of_few_points_or_of_a_factor_that_hardly_varies():
    z, v = mixed(999)
    assert error_by_parts(mig, z, v, {}) is None
    z, v = mixed(1000)
    assert error_by_parts(mig, z, v, {}) > 0
    v[:, 0] = np.arange(1000) == 0
    assert error_by_parts(sap, z, v, {}) is None


def test_scores_of_the_section_have_theirs():
    gold = LinearGaussian()
    x, v = gold.marginal.sample((1000,)).float(), torch.from_numpy(factors(1000))
    quick = Disentanglement(rounds=1, num_train=200, num_eval=100)
    section = quick(subject_of(gold.factorised().float(), x, factors=v))
    without = {key for key, figure in section.figures.items() if figure.error is None}
    assert {key.split("_")[0] for key in without} == {"dci", "irs"}
    assert section.protocol["dci_error"].startswith("none: ")
