"""Learning rates as functions of progress."""

import pytest
import torch

from vae.training import Cosine, OneCycle, Steps

GRID = [i / 200 for i in range(201)]


def factors(schedule, start=0.0, end=1.0):
    return [schedule.factor(t) for t in GRID if start <= t <= end]


@pytest.mark.parametrize(
    ("schedule", "first", "peak", "last"),
    [
        (Cosine(warmup=0.25, final=0.1), 0.0, 0.25, 0.1),
        (Cosine(warmup=0.0), 1.0, 0.0, 0.0),
        (OneCycle(rise=0.3, start=0.04, final=0.01), 0.04, 0.3, 0.01),
        (OneCycle(rise=0.5, start=0.0, final=0.0), 0.0, 0.5, 0.0),
        (Steps(milestones=[0.5, 0.75], gamma=0.1), 1.0, 0.0, 0.01),
        (Steps(milestones=[]), 1.0, 0.0, 1.0),
    ],
)
def test_a_schedule_rises_to_the_full_rate_and_falls_to_its_end(schedule, first, peak, last):
    assert schedule.factor(0.0) == pytest.approx(first, abs=1e-12)
    assert schedule.factor(peak) == pytest.approx(1.0, abs=1e-12)
    assert schedule.factor(1.0) == pytest.approx(last, abs=1e-12)
    rise, fall = factors(schedule, end=peak), factors(schedule, start=peak)
    assert rise == sorted(rise)
    assert fall == sorted(fall, reverse=True)


def test_cosine_warms_up_linearly():
    schedule = Cosine(warmup=0.4)
    assert [schedule.factor(t) for t in (0.1, 0.2, 0.3)] == pytest.approx([0.25, 0.5, 0.75])


def test_steps_fall_at_their_milestones_in_any_order():
    schedule = Steps(milestones=[0.75, 0.5], gamma=0.5)
    assert [schedule.factor(t) for t in (0.49, 0.5, 0.74, 0.75)] == [1.0, 0.5, 0.5, 0.25]


def test_the_optimizer_follows_the_factor_and_stays_at_the_end():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule, total = Cosine(warmup=0.0), 4
    scheduler = schedule.schedule(optimizer, total)
    for step in range(2 * total):
        expected = 2.0 * schedule.factor(min(1.0, step / total))
        assert scheduler.get_last_lr() == [pytest.approx(expected, abs=1e-12)]
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Cosine(warmup=-0.1), "warmup"),
        (lambda: Cosine(final=1.5), "final"),
        (lambda: OneCycle(rise=0.0), "rise"),
        (lambda: OneCycle(rise=1.0), "rise"),
        (lambda: OneCycle(start=-1.0), "start"),
        (lambda: OneCycle(final=float("nan")), "final"),
        (lambda: Steps(milestones=[2.0]), "milestones"),
        (lambda: Steps(milestones=[0.5], gamma=-1.0), "gamma"),
    ],
)
def test_parts_outside_their_range_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"{name} must lie in"):
        make()
