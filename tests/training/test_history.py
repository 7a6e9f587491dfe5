"""The curve of training in a checkpoint: exact through a resume, bounded, and a stranger's file."""

import pytest
import torch

from tests.training.runs import same
from tests.training.test_resume import SaveAt, finished, killed
from vae.cli.reporting import longest_history
from vae.history import KEY, MOST, Point, points_of, thinned
from vae.saved import read_saved
from vae.training.callbacks import Checkpoints, History, Scalars


def curve(state):
    return points_of(state)


def test_a_resumed_run_has_the_curve_of_the_whole_one(tmp_path):
    whole = finished(tmp_path, [], Scalars(), History())
    points = curve(whole)
    assert [point.step for point in points] == [7, 14, 21]
    assert all(p.elbo == pytest.approx(p.log_likelihood - p.kl, rel=1e-5) for p in points)
    assert all(p.train_elbo is not None for p in points)
    (path,) = killed(tmp_path, [], SaveAt(tmp_path, 10), Scalars(), History(), at=(1, 5))
    assert len(curve(torch.load(path, weights_only=True))) == 1
    assert same(finished(tmp_path, [], Scalars(), History(), checkpoint=path), whole)


def test_the_best_checkpoint_is_shown_with_the_curve_of_the_whole_run(tmp_path):
    keeper = Checkpoints(str(tmp_path), monitor="-val/elbo")  # the first epoch is the lowest
    finished(tmp_path, ["optimizer.lr=0.01"], keeper, History())
    best = read_saved(tmp_path / "best.ckpt")
    assert [point.step for point in best.history] == [7]
    assert [point.step for point in longest_history(best)] == [7, 14, 21]
    (tmp_path / "last.ckpt").write_bytes(b"damaged")
    assert longest_history(best) == best.history


def test_a_long_run_keeps_a_bounded_curve_with_its_ends():
    points = []
    for step in range(5000):
        points = thinned([*points, Point(step, -1.0, -1.0, 0.0)])
        assert len(points) <= MOST
        assert points[-1].step == step
    assert points[0].step == 0
    assert [p.step for p in points] == sorted(p.step for p in points)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {"points": "none"},
        {"points": [[1, -2.0]]},
        {"points": [[1, float("nan"), -2.0, 0.0, None]]},
        {"points": [[True, -2.0, -2.0, 0.0, None]]},
        {"points": [[2, -2.0, -2.0, 0.0, None], [1, -2.0, -2.0, 0.0, None]]},
        {"points": [[i, -2.0, -2.0, 0.0, None] for i in range(MOST + 1)]},
    ],
)
def test_a_file_with_another_curve_or_none_just_has_none(state):
    assert points_of({"callbacks": {KEY: state}}) == ()
    assert points_of({}) == points_of({"callbacks": None}) == ()
    assert len(points_of({"callbacks": {KEY: {"points": [[1, -2.0, -2.0, 0.0, None]]}}})) == 1
