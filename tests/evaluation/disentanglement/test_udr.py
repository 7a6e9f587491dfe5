"""UDR of runs that agree, that are rotated against each other and that know nothing."""

import numpy as np
import pytest

from tests.evaluation.disentanglement.cases import noise
from vae.evaluation.disentanglement import lasso_weights, rank_correlations, udr

HIGH = np.ones(4)


def turned(seed):
    """Return a random rotation."""
    return np.linalg.qr(noise(4, 4, seed))[0]


@pytest.mark.parametrize(("similarity", "best"), [(rank_correlations, 1), (lasso_weights, 0.9)])
def test_runs_that_differ_in_order_sign_and_scale_agree(similarity, best):
    z = np.linalg.qr(noise(2000, 4))[0]
    runs = [z, -z[:, [2, 0, 1, 3]], 7 * z + 1]
    scores, pairs = udr(runs, [HIGH] * 3, similarity=similarity)
    assert scores == pytest.approx(best, abs=0.06)
    assert pairs.diagonal() == pytest.approx(1)


@pytest.mark.parametrize("similarity", [rank_correlations, lasso_weights])
def test_rotated_runs_disagree_and_the_odd_one_is_found(similarity):
    z = noise(2000, 4)
    same = [z, z[:, ::-1], z]
    rotations = [z @ turned(seed) for seed in (1, 2, 3)]
    alike = udr(same, [HIGH] * 3, similarity=similarity).scores
    assert (udr(rotations, [HIGH] * 3, similarity=similarity).scores < 0.6).all()
    assert (alike > 0.8).all()
    found = udr([*same, rotations[0]], [HIGH] * 4, similarity=similarity)
    assert found.scores.argmin() == 3
    assert found.scores[3] < 0.6 < found.scores[:3].min()


def test_uninformative_codes_do_not_count():
    z = np.linalg.qr(noise(2000, 4))[0]
    other = np.concatenate([z[:, :2], noise(2000, 3, 9)], axis=1)
    kl = [np.array([1, 1, 0, 0.009]), np.array([1, 1, 0, 0, 0])]
    assert udr([z, other], kl).scores == pytest.approx(1, abs=0.05)
    assert udr([z, other], [np.ones(4), np.ones(5)]).scores.max() < 0.7
    assert udr([z, other], [kl[0], np.zeros(5)]).scores == pytest.approx(0)


def test_a_pair_by_hand():
    """R = [[.6, .2], [0, .5], [.1, .1]]: (.36/.7 + .25/.8 + .36/.8 + .5 + .01/.2) / 5."""
    r = np.array([[0.6, 0.2], [0, 0.5], [0.1, 0.1]])

    def given(one, other):
        return r if one.shape[1] == 3 else r.T

    pairs = udr([noise(9, 3), noise(9, 2)], [np.ones(3), np.ones(2)], similarity=given).pairs
    by_hand = (0.36 / 0.7 + 0.25 / 0.8 + 0.36 / 0.8 + 0.5 + 0.01 / 0.2) / 5
    assert pairs[0, 1] == pytest.approx(by_hand)
    assert pairs[1, 0] == pytest.approx(by_hand)


def test_constant_codes_give_zeros():
    z = np.full((50, 2), 0.1)
    for similarity in (rank_correlations, lasso_weights):
        assert udr([z, z], [np.ones(2)] * 2, similarity=similarity).scores == pytest.approx(0)


def test_what_cannot_be_compared_is_refused():
    z, kl = noise(50, 4), HIGH
    with pytest.raises(ValueError, match="at least two runs; got 1"):
        udr([z], [kl])
    with pytest.raises(ValueError, match="the same examples"):
        udr([z, z[:40]], [kl, kl])
    with pytest.raises(ValueError, match=r"got \(50, 4\) and \(3,\)"):
        udr([z, z], [kl, kl[:3]])
