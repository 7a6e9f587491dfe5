"""A range test tells where the loss falls, and leaves everything as it was."""

from copy import deepcopy
from math import exp

import pytest

from tests.training.runs import make_run, make_trainer, same
from vae.training.range_test import RangeTest, find_rate

RATES = [10 ** (-7 + 7 * i / 99) for i in range(100)]


def test_the_rate_is_that_of_the_steepest_descent():
    """Of a curve that falls by a logistic in the logarithm of the rate: in its middle."""
    for middle in (30, 60):
        losses = [100 - 50 / (1 + exp(-(i - middle) / 5)) for i in range(100)]
        assert RangeTest(RATES, losses).suggestion == RATES[middle]


@pytest.mark.parametrize("losses", [list(range(100)), [1.0] * 100, [5.0, 4.0, 3.0]])
def test_a_loss_that_does_not_fall_suggests_nothing(losses):
    assert RangeTest(RATES[: len(losses)], losses).suggestion is None


def test_a_module_and_its_data_stay_as_they_are(tmp_path):
    module, data = make_run(tmp_path, "group_size=3", "penalty=factor")
    before = deepcopy(module.state_dict())
    found = find_rate(module, data, num_steps=40, accelerator="cpu")
    assert same(module.state_dict(), before)
    assert data.group_size == 3
    assert found.rates[:2] == pytest.approx([1e-7, 1e-7 ** (38 / 39)])
    assert len(found.rates) == len(found.losses) <= 40
    make_trainer(tmp_path).fit(module, data)
    other, same_data = make_run(tmp_path, "group_size=3", "penalty=factor")
    make_trainer(tmp_path).fit(other, same_data)
    assert same(module.state_dict(), other.state_dict())


def test_it_ends_where_the_loss_diverges(tmp_path):
    module, data = make_run(tmp_path, "optimizer=sgd")
    found = find_rate(module, data, high=1e6, accelerator="cpu")
    assert len(found.rates) < 100
    assert found.rates[-1] < 1e3


@pytest.mark.parametrize(
    ("options", "told"), [({"num_steps": 5}, "20 steps"), ({"low": 1.0}, "must rise")]
)
def test_numbers_out_of_range_are_refused(tmp_path, options, told):
    module, data = make_run(tmp_path)
    with pytest.raises(ValueError, match=told):
        find_rate(module, data, **options)
