"""The curve of training in a checkpoint: exact through a resume, bounded, and a stranger's file."""

import pytest
import torch

from tests.training.runs import same
from tests.training.test_resume import SaveAt, finished, killed
from vae.cli.reporting import longest_history
from vae.history import KEY, MOST, Point, points_of, thinned
from vae.reports.curve import measured, visible
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


def test_the_training_curve_is_drawn_where_it_was_measured(tmp_path):
    """Not at the validations, which come more or less often than the log."""
    points = curve(finished(tmp_path, [], Scalars(), History(), log_every_n_steps=5))
    assert [(p.step, p.train_step) for p in points] == [(7, 5), (14, 10), (21, 20)]
    points = curve(finished(tmp_path, [], Scalars(), History(), log_every_n_steps=10))
    assert [(p.step, p.train_step) for p in points] == [(7, None), (14, 10), (21, 20)]
    points = curve(finished(tmp_path, [], Scalars(), History(), log_every_n_steps=12))
    assert [(p.step, p.train_step) for p in points] == [(7, None), (14, 12), (21, None)]
    assert measured(points, points) == [(12, points[1].train_elbo)]


def test_the_training_curve_is_cropped_as_that_of_validation_is():
    elbos = [-5000.0, -110.0, -105.0, -102.0, -101.0, -100.0]
    points = [Point(10 * i, e, e, 0.0, 2 * e, 10 * i - 5) for i, e in enumerate(elbos, 1)]
    points[2:] = [point._replace(train_elbo=point.elbo) for point in points[2:]]
    shown = visible(points)
    assert [p.step for p in shown] == [20, 30, 40, 50, 60]
    assert [step for step, _ in measured(points, shown)] == [25, 35, 45, 55]


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
        {"points": [[1, -2.0, -2.0, 0.0, -2.0, None]]},
        {"points": [[1, float("nan"), -2.0, 0.0, None, None]]},
        {"points": [[True, -2.0, -2.0, 0.0, None, None]]},
        {"points": [[2, -2.0, -2.0, 0.0, None, None], [1, -2.0, -2.0, 0.0, None, None]]},
        {"points": [[i, -2.0, -2.0, 0.0, None, None] for i in range(MOST + 1)]},
    ],
)
def test_a_file_with_another_curve_or_none_just_has_none(state):
    assert points_of({"callbacks": {KEY: state}}) == ()
    assert points_of({}) == points_of({"callbacks": None}) == ()
    assert len(points_of({"callbacks": {KEY: {"points": [[1, -2.0, -2.0, 0.0, None, None]]}}})) == 1
