"""Every metric at its extremes: perfect, rotated, random and constant codes."""

import numpy as np
import pytest
import torch

from tests.evaluation.disentanglement.cases import (
    factors,
    grid,
    mixed,
    noise,
    rotated,
    scaled,
    turned_evenly,
)
from vae.evaluation.disentanglement import (
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    irs,
    mig,
    modularity,
    mutual_information,
    sap,
)

VOTES = {"num_train": 600, "num_eval": 600}


def factor_vae(codes, v):
    return factor_vae_score(codes, v, **VOTES)


def beta_vae(codes, v):
    return beta_vae_score(codes, v, **VOTES)


def part(name):
    return lambda codes, v: getattr(dci(codes, v, rounds=10), name)


METRICS = {
    "mig": mig,
    "modularity": modularity,
    "disentanglement": part("disentanglement"),
    "completeness": part("completeness"),
    "informativeness": part("informativeness"),
    "sap": sap,
    "explicitness": explicitness,
    "factor_vae": factor_vae,
    "beta_vae": beta_vae,
    "irs": irs,
}
TWO = (2, 2, 2)  # of which a linear classifier can tell every value
RANDOM = {  # bounds of codes that know nothing, with three factors of two values each
    "mig": (0, 0.01),
    "modularity": (0, 0.75),
    "disentanglement": (0, 0.1),
    "completeness": (0, 0.1),
    "informativeness": (0.47, 0.53),
    "sap": (0, 0.04),
    "explicitness": (-0.05, 0.05),
    "factor_vae": (0.27, 0.42),
    "beta_vae": (0.27, 0.40),
    "irs": (0, 0.5),
}


@pytest.mark.parametrize("name", METRICS)
def test_perfect_codes_have_the_largest_score(name):
    v = factors(1500, TWO)
    score = METRICS[name](scaled(v), v)
    # Half of the points are on the right side of a code that knows nothing.
    expected = {"sap": pytest.approx(0.5, abs=0.05)}
    assert score == expected.get(name, pytest.approx(1, abs=5e-3)), score


@pytest.mark.parametrize("name", METRICS)
def test_order_sign_and_scale_of_the_codes_do_not_matter(name):
    z, v = mixed(600, TWO, dims=4)
    turned = z[:, [2, 0, 3, 1]] * [-1, 1, -1, 1]
    # Bins and halves of an interval are open at one end; classifiers stop where they stop.
    assert METRICS[name](turned, v) == pytest.approx(METRICS[name](z, v), abs=0.03)
    if name not in ("sap", "factor_vae", "beta_vae", "irs"):  # regularised, pruned or weighted
        assert METRICS[name](z * [1, 10, 0.1, 100], v) == pytest.approx(
            METRICS[name](z, v), abs=1e-6
        )


@pytest.mark.parametrize("name", METRICS)
def test_random_codes_are_at_chance(name):
    low, high = RANDOM[name]
    v = factors(3000, TWO)
    assert low <= METRICS[name](noise(3000), v) <= high


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_constant_codes_know_nothing(name, value):
    v = factors(999, TWO)
    z = np.full((999, 4), value)
    score = METRICS[name](z, v)
    if name in ("informativeness", "beta_vae"):  # the most common answer
        assert score == pytest.approx({"informativeness": 1 / 2, "beta_vae": 1 / 3}[name], abs=0.06)
    else:
        assert score == 0
    z[:, 0] = scaled(v)[:, 0]
    assert np.isfinite(METRICS[name](z, v))
    assert np.isfinite(METRICS[name](z[:, :1], v))  # of one code there is no second best


def test_a_rotation_entangles_but_keeps_what_is_known():
    v = factors(1500, (4, 4, 4, 4))
    straight, turned = scaled(v), turned_evenly(v)
    bounds = {mig: 0.1, sap: 0.1, irs: 0.6, modularity: 0.6, factor_vae: 0.45}
    for metric, low in bounds.items():
        assert metric(turned, v) < low
        assert metric(straight, v) > (0.2 if metric is sap else 0.99)
    perfect, entangled = dci(straight, v, rounds=30), dci(turned, v, rounds=30)
    assert perfect.disentanglement > 0.99
    assert perfect.completeness > 0.99
    assert entangled.disentanglement < 0.2
    assert entangled.completeness < 0.2
    assert perfect.informativeness == 1
    assert entangled.informativeness > 0.75
    assert explicitness(turned, v) == pytest.approx(explicitness(straight, v), abs=0.01)


def test_copies_of_a_code_are_disentangled_but_not_complete():
    v = factors(1000, (4, 4))
    twice = np.repeat(scaled(v), 2, axis=1) + 0.2 * noise(1000, 4)
    once = scaled(v) + 0.2 * noise(1000, 2)
    many, few = dci(twice, v, rounds=30), dci(once, v, rounds=30)
    assert few.disentanglement > 0.85
    assert few.completeness > 0.85
    assert many.disentanglement > 0.85
    assert many.completeness == pytest.approx(0.5, abs=0.1)  # two of four codes: 1 − log 2 / log 4
    assert mig(twice, v) < 0.05 < 0.5 < mig(once, v)
    assert modularity(twice, v) > 0.95


def test_a_code_of_two_factors_is_complete_but_not_disentangled():
    v = factors(2000, (3, 3))
    both = np.stack([3 * v[:, 0] + v[:, 1], np.zeros(2000)], axis=1)
    result = dci(both, v, rounds=30)
    assert result.completeness == 1
    assert result.disentanglement == pytest.approx(0, abs=0.02)
    assert result.informativeness == 1
    assert modularity(both, v) == pytest.approx(0, abs=1e-3)  # mean of 0 and a constant code's 0


def test_one_hot_codes_are_explicit_where_a_number_is_not():
    v = factors(1500, (5, 5))
    assert explicitness(np.concatenate([np.eye(5)[column] for column in v.T], 1), v) == 1
    assert 0.3 < explicitness(v.astype(float), v) < 0.8


def test_information_of_a_full_grid_is_exact():
    v = grid(repeats=2)
    z = np.stack([v[:, 0], v[:, 2] // 3, v.sum(1) * 0], axis=1)
    information, entropies = mutual_information(z, v)
    assert entropies == pytest.approx(np.log([3, 4, 6]))
    expected = np.zeros((3, 3))
    expected[0, 0], expected[1, 2] = np.log(3), np.log(2)
    assert information == pytest.approx(expected, abs=1e-12)
    assert mig(z, v) == pytest.approx((1 + 0 + np.log(2) / np.log(6)) / 3)


def test_irs_by_hand():
    """Two factors of two values; the code moves by 2 with one and by ±0.5 with the other."""
    v = grid((2, 2), repeats=3)
    z = (2 * v[:, :1] + v[:, 1:]).astype(float)
    assert irs(z, v, quantile=1) == pytest.approx(1 - 0.5 / 1.5)


def test_votes_count_only_codes_that_vary():
    v = factors(1000)
    z = np.concatenate([scaled(v), 0.04 * noise(1000, 1)], axis=1)
    assert factor_vae_score(z, v, **VOTES) == 1
    assert factor_vae_score(0.04 * z, v, **VOTES) == 0
    assert factor_vae_score(0.04 * z, v, **VOTES, min_std=0) > 0.95


@pytest.mark.parametrize("name", METRICS)
def test_tensors_do_and_the_seed_decides(name):
    z, v = mixed(600, TWO)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    score = METRICS[name](torch.from_numpy(z), torch.from_numpy(v))
    assert score == METRICS[name](z, 10 * v - 3)  # nor do the numbers of the values matter
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_another_seed_draws_others():
    v = factors(600)
    z = rotated(v, 6)
    for metric in (factor_vae_score, beta_vae_score):
        scores = [metric(z, v, **VOTES, seed=seed) for seed in (0, 0, 1)]
        assert scores[0] == scores[1] != scores[2]
    for metric in (sap, explicitness):
        scores = [metric(z, v, seed=seed) for seed in (0, 0, 1)]
        assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize(
    ("codes", "v", "message"),
    [
        (noise(4), factors(5), r"got \(4, 3\), \(5, 3\)"),
        (noise(5)[:, 0], factors(5), "expected codes"),
        (np.full((5, 3), np.inf), factors(5), "finite"),
        (noise(5), factors(5)[:, :1], "at least two factors"),
        (noise(50), factors(50) * [1, 0, 1], r"factors \[1\] take only one value"),
    ],
)
def test_what_cannot_be_measured_is_refused(codes, v, message):
    with pytest.raises(ValueError, match=message):
        mig(codes, v)


@pytest.mark.parametrize(
    "call",
    [
        lambda z, v: mig(z, v, bins=1),
        lambda z, v: dci(z, v, rounds=0),
        lambda z, v: sap(z, v, test_fraction=1),
        lambda z, v: irs(z, v, quantile=0),
        lambda z, v: factor_vae_score(z, v, num_eval=0),
        lambda z, v: beta_vae_score(z, v, batch_size=0),
        lambda z, v: factor_vae_score(z, np.arange(100)[:, None] + np.zeros(2)),
    ],
)
def test_settings_out_of_range_are_refused(call):
    with pytest.raises(ValueError, match=r"must|expected|no value that two points share"):
        call(noise(100), factors(100))
