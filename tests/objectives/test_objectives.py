import pytest
import torch

from tests.linear_gaussian import LinearGaussian
from vae.objectives import ELBO, IWAE, Cyclical, FreeBits, LinearSchedule, Progress, Stages
from vae.objectives.penalized import Penalized

pytestmark = pytest.mark.usefixtures("double_precision")

OBJECTIVES = {
    "elbo": lambda: ELBO(),
    "beta": lambda: ELBO(4.0),
    "free bits": lambda: FreeBits(0.5),
    "iwae": lambda: IWAE(num_samples=5),
}


def trace(num_samples=3):
    gold = LinearGaussian()
    return gold.factorised()(gold.marginal.sample((5,)), num_samples=num_samples)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_terms_are_scalars_with_a_gradient(name):
    objective = OBJECTIVES[name]()
    gold = LinearGaussian()
    model = gold.factorised()
    terms = objective(model(gold.marginal.sample((5,)), num_samples=objective.num_samples()))
    assert all(term.shape == () for term in terms.values())
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_beta_weighs_the_kl_alone():
    t = trace()
    one, four = ELBO(1.0)(t), ELBO(4.0)(t)
    assert torch.equal(one["reconstruction"], four["reconstruction"])
    assert torch.allclose(four["kl"], 4 * one["kl"])
    assert torch.allclose(one["kl"], t.kl.mean())
    assert torch.allclose(one["reconstruction"], -t.log_px.mean())


def test_free_bits_clip_the_mean_over_the_batch():
    t = trace()
    per_dim = t.latents[0].kl_per_dim.mean((0, 1))
    threshold = per_dim.median().item()
    expected = sum(max(threshold, kl) for kl in per_dim.tolist())
    assert FreeBits(threshold)(t)["kl"].item() == pytest.approx(expected)
    assert torch.allclose(FreeBits(0.0)(t)["kl"], t.kl.mean())


def test_free_bits_need_dimensions():
    gold = LinearGaussian()
    full = gold.exact()(gold.marginal.sample((5,)))
    with pytest.raises(ValueError, match=r"MultivariateNormal.*objective=elbo"):
        FreeBits(0.5)(full)


def test_iwae_of_one_sample_is_the_elbo():
    t = trace(num_samples=1)
    assert torch.allclose(IWAE(num_samples=1)(t)["iwae"], -t.log_weight.mean())


def test_iwae_averages_weights_over_samples():
    """Over examples would be another number: the axis matters."""
    t = trace(num_samples=4)
    weights = t.log_weight.exp()
    assert torch.allclose(IWAE(num_samples=4)(t)["iwae"], -weights.mean(0).log().mean())


def test_schedules_are_functions_of_the_step_alone():
    objective = ELBO(LinearSchedule(1.0, steps=10))
    t = trace()
    values = []
    for step in (0, 5, 10, 20, 5):
        values.append((objective(t, Progress(step))["kl"] / t.kl.mean()).item())
    assert values == pytest.approx([0, 0.5, 1, 1, 0.5])


def test_cyclical_starts_afresh_in_each_period():
    schedule = Cyclical(2.0, start=1.0, period=10, rise=0.5)
    assert [schedule(step) for step in (0, 5, 9, 10, 15)] == [1, 2, 2, 1, 2]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ELBO(-5.0), "beta must be"),
        (lambda: ELBO(float("nan")), "beta must be"),
        (lambda: ELBO(num_samples=0), "num_samples"),
        (lambda: IWAE(num_samples=-1), "num_samples"),
        (lambda: FreeBits(-1.0), "nats"),
        (lambda: LinearSchedule(1.0, steps=0), "steps"),
        (lambda: Cyclical(1.0, period=5, rise=0.0), "rise"),
    ],
)
def test_values_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_number_of_samples_follows_a_schedule():
    objective = IWAE(num_samples=Stages([1, 4], starts=[2]))
    assert [objective.num_samples(Progress(step)) for step in range(4)] == [1, 1, 4, 4]
    assert Penalized(objective, {}).num_samples(Progress(3)) == objective.num_samples(Progress(3))


@pytest.mark.parametrize(
    ("values", "starts"), [([1, 2], []), ([1], [3]), ([1, 2], [0]), ([1, 2, 3], [5, 5])]
)
def test_stages_that_do_not_follow_each_other_are_refused(values, starts):
    with pytest.raises(ValueError, match="starts must be one rising step less than the"):
        Stages(values, starts=starts)
