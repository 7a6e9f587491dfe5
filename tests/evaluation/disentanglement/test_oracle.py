"""The same figures as disent, which stems from the code of the papers' comparisons."""

import numpy as np
import pytest

from tests.evaluation.disentanglement.cases import factors, grid, mixed, rotated, scaled
from vae.evaluation.disentanglement import dci, factor_vae_score, mig, sap
from vae.evaluation.disentanglement.boosting import boost
from vae.evaluation.disentanglement.points import split

data = pytest.importorskip("disent.dataset.data")
dataset = pytest.importorskip("disent.dataset")
metrics = pytest.importorskip("disent.metrics")


class Rows:
    """Stands for a data set whose observations are codes, and gives the rows in order."""

    def __init__(self, codes, v, order=None):
        order = np.arange(len(codes)) if order is None else order
        self.codes, self.factors, self.place = codes[order], v[order], 0

    def dataset_sample_batch_with_factors(self, count, mode):
        rows = slice(self.place, self.place + count)
        self.place += count
        return self.codes[rows], self.factors[rows]


def split_in_order(n):
    """Return the order in which disent gets to see our training points, then the others."""
    train, test = split(n, 1 / 3, 0)
    sizes = {"num_train": len(train), "num_test": len(test)}
    return np.concatenate([train, test]), sizes


def identity(codes):
    return codes


CODES = {
    "mixed": lambda v: mixed(len(v))[0],
    "perfect": scaled,
    "rotated": lambda v: rotated(v, 5),
}


@pytest.fixture(params=CODES)
def codes(request):
    v = factors(900)
    return CODES[request.param](v), v


def test_mig_is_equal(codes):
    theirs = metrics.metric_mig.unwrap(Rows(*codes), identity, num_train=900)
    assert mig(*codes) == pytest.approx(theirs["mig.discrete_score"], abs=1e-12)


def test_sap_is_equal(codes):
    order, sizes = split_in_order(900)
    theirs = metrics.metric_sap.unwrap(Rows(*codes, order), identity, **sizes)
    assert sap(*codes) == pytest.approx(theirs["sap.score"], abs=4e-3)  # a point or two


def test_dci_is_equal_within_the_oracles_own_random_ties():
    z, v = mixed(450, decimals=1)
    order, sizes = split_in_order(450)
    theirs = metrics.metric_dci.unwrap(Rows(z, v, order), identity, **sizes)
    ours = dci(z, v)
    assert ours.disentanglement == pytest.approx(theirs["dci.disentanglement"], abs=0.01)
    assert ours.completeness == pytest.approx(theirs["dci.completeness"], abs=0.01)
    assert ours.informativeness == pytest.approx(theirs["dci.informativeness_test"], abs=0.02)


def test_trees_are_equal_until_two_splits_tie():
    """Rounding decides between splits of equal gain; before the first, importances agree."""
    from sklearn.ensemble import GradientBoostingClassifier

    z, v = mixed(2500, (2, 4))
    for factor in v.T:
        importance, found = boost(z, factor, 2500, rounds=3, bins=2500)
        theirs = GradientBoostingClassifier(n_estimators=3, random_state=0).fit(z, factor)
        assert importance == pytest.approx(theirs.feature_importances_, abs=1e-9)
        assert (found == theirs.predict(z)).all()


@pytest.mark.parametrize("entangled", [0.03, 0.1])
def test_the_factor_vae_score_is_equal_within_the_votes(entangled):
    """On a full grid of codes without noise, from which disent draws anew."""
    v = grid((5, 6, 7))
    z = scaled(v) @ (1 + entangled * np.random.default_rng(0).normal(size=(3, 4)))
    table = data.ArrayGroundTruthData(z[:, None, None, :], ("a", "b", "c"), (5, 6, 7))
    np.random.seed(0)  # noqa: NPY002
    theirs = metrics.metric_factor_vae.unwrap(
        dataset.DisentDataset(table),
        lambda x: x[:, 0, 0].numpy(),
        num_train=500,
        num_eval=500,
        num_variance_estimate=200,
    )["factor_vae.eval_accuracy"]
    ours = factor_vae_score(z, v)
    error = np.sqrt(ours * (1 - ours) / 500)
    assert 0.4 < ours < 0.95
    assert abs(ours - theirs) < 4 * error


@pytest.mark.slow
def test_quantiles_do_not_bias_dci():
    """3,000 points, of whose codes ours are cut into 128 cells: below the deviation over data."""
    pairs = []
    for seed in range(3):
        z, v = mixed(3000, (3, 3), dims=4, seed=seed)
        order, sizes = split_in_order(3000)
        theirs = metrics.metric_dci.unwrap(Rows(z, v, order), identity, **sizes)
        ours = dci(z, v)
        pairs.append((ours.disentanglement, theirs["dci.disentanglement"]))
        pairs.append((ours.completeness, theirs["dci.completeness"]))
        assert ours.informativeness == pytest.approx(theirs["dci.informativeness_test"], abs=0.01)
    ours, theirs = np.array(pairs).T
    assert np.abs(ours - theirs).max() < 0.02
