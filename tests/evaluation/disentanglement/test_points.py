"""Draws of points that share a factor's value."""

import numpy as np

from vae.evaluation.disentanglement.points import PointGroup


def test_every_other_point_of_the_value_is_as_likely():
    values = np.array([2, 0, 1, 0, 2, 0, 0, 3])  # 1 and 3 have nobody to share with
    group, rng = PointGroup(values), np.random.default_rng(0)
    anchors = group.anchors((12_000,), rng)
    assert set(anchors.tolist()) == {0, 1, 3, 4, 5, 6}
    others = group.others(anchors, rng)
    assert (values[others] == values[anchors]).all()
    assert (others != anchors).all()
    for anchor in (1, 3, 5, 6):
        shares = np.bincount(others[anchors == anchor], minlength=8)[[1, 3, 5, 6]]
        assert np.ptp(shares[shares > 0]) < 200  # each about 667 ± 21
        assert (shares > 0).sum() == 3
    same = group.same(anchors, 4, rng)
    assert (values[same] == values[anchors][:, None]).all()
    assert (same == anchors[:, None]).any()
