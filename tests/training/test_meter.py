"""Running means are exact means."""

import pytest
import torch

from vae.training.meter import Meter, NegativeKLError, NonFiniteError, check_figures

SIZES = (1, Meter.BLOCK - 1, Meter.BLOCK, Meter.BLOCK + 1, 2 * Meter.BLOCK + 3)


@pytest.mark.parametrize("count", SIZES)
def test_means_over_batches_of_different_sizes_weigh_every_example_alike(count):
    meter, sizes = Meter(), torch.randint(1, 9, (count,)).tolist()
    examples = [torch.randn(3, size, dtype=torch.float64) for size in sizes]
    for x in examples:
        meter.update({"tensor": x, "scalar": x.square().mean()}, x.shape[1])
    every = torch.cat(examples, 1)
    means = meter.means()
    assert means["tensor"] == pytest.approx(every.mean().item(), abs=1e-12)
    assert means["scalar"] == pytest.approx(every.square().mean().item(), abs=1e-12)


def test_sums_are_kept_in_double_precision():
    meter, large = Meter(), 2.0**24
    for value in (large, 1.0, 1.0):
        meter.update({"x": torch.tensor(value)}, 1)
    assert meter.means()["x"] == (large + 2) / 3


def test_means_start_afresh_and_need_something_to_average():
    meter = Meter()
    meter.update({"x": torch.tensor(5.0)}, 2)
    assert meter.means() == {"x": 5.0}
    meter.update({"x": torch.tensor(1.0)}, 1)
    assert meter.means() == {"x": 1.0}
    with pytest.raises(ValueError, match="nothing was measured"):
        meter.means()


def test_sums_of_several_meters_add_up_to_the_mean_of_all():
    meters = Meter(), Meter()
    for meter, value, weight in zip(meters, (1.0, 4.0), (2, 1), strict=True):
        meter.update({"x": torch.tensor(value)}, weight)
    assert meters[0].means(meters[0].sums() + meters[1].sums()) == {"x": 2.0}


def test_figures_that_the_device_dropped_are_left_out():
    meter = Meter()
    for value, weight, dropped in ((2.0, 3, 0.0), (float("nan"), 4, 1.0), (5.0, 1, 0.0)):
        meter.update({"x": torch.tensor(value), "y": torch.full((weight,), value)}, weight)
        figures = meter.drop(torch.tensor(dropped))
        assert list(figures) == ["x", "y"]
    assert meter.means() == {"x": 11 / 4, "y": 11 / 4}
    meter.update({"x": torch.tensor(7.0)}, 1)
    assert meter.means() == {"x": 7.0}


def test_where_every_step_was_dropped_there_are_no_means():
    meter = Meter()
    meter.update({"x": torch.tensor(float("inf"))}, 2)
    meter.drop(torch.tensor(1.0))
    assert meter.means() == {}


def test_what_is_read_is_what_was_there_then():
    meter = Meter()
    meter.update({"x": torch.tensor(5.0)}, 2)
    read = meter.read()
    meter.update({"x": torch.tensor(1.0)}, 1)
    assert read() == {"x": 5.0}
    assert meter.means() == {"x": 1.0}


def test_an_update_keeps_no_graph():
    meter, x = Meter(), torch.ones(2, requires_grad=True)
    meter.update({"x": (2 * x).sum()}, 2)
    assert not meter.pending[0][0].requires_grad


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_figure_that_is_not_finite_is_named_with_its_step(value):
    with pytest.raises(NonFiniteError, match=r"^kl, other became NaN or infinite by step 12\."):
        check_figures({"elbo": 1.0, "kl": value, "other": value}, 9, 12)
    check_figures({"elbo": 1.0}, 9, 12)


@pytest.mark.parametrize(("mean", "count"), [(-0.9, 1e6), (-50.0, 1), (3.0, 1e6)])
def test_a_kl_that_rounding_or_chance_may_give_is_let_pass(mean, count):
    check_figures({"kl": mean}, count, 12)


def test_a_kl_far_below_zero_is_refused():
    with pytest.raises(NegativeKLError, match=r"^kl is -1,234\.5 nats in the mean over 6,400 exam"):
        check_figures({"elbo": 1.0, "kl": -1234.5}, 6400, 12)


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_estimates_of_a_right_density_stay_far_from_the_limit(shift):
    """Sums over 1, 2, … draws of q = N(0, 1) against N(shift, 1): none comes near."""
    z = torch.randn(2000, 500, dtype=torch.float64)
    ratio = (0.5 * (z - shift).square() - 0.5 * z.square()).cumsum(1)
    assert ratio.min() > -20
