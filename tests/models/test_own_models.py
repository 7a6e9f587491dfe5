"""Slips in a model of one's own are told, and what is unusual in it is right."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from vae.models import Model
from vae.objectives import ELBO, DReG, StickTheLanding
from vae.objectives.penalties import DIP, MMD


def normal(loc, scale=1.0):
    return Independent(Normal(loc, scale), 1)


class Own(Model):
    """A model of one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.loc = nn.Parameter(torch.zeros(2))
        self.net = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))

    @classmethod
    def build(cls, spec, parts):
        raise NotImplementedError

    def run(self, batch, draws):
        self.function(self, batch, draws)


def bernoulli(logits):
    return Independent(Bernoulli(logits=logits, validate_args=True), 1)


ZERO, UNIT = torch.zeros(2), normal(torch.zeros(2))


def shared_above(model, batch, draws):
    w = draws.latent("w", q=lambda: normal(model.loc + 1), p=UNIT, shared=True)
    z = draws.latent("z", q=lambda: normal(0.5 * (batch["x"] - w), 0.7), p=lambda: normal(w))
    draws.observe("x", lambda: normal(z), batch.get("x"))


def noisy(model, batch, draws):
    z2 = draws.latent("z2", q=lambda: normal(model.net(batch["x"]), 0.1), p=UNIT)
    z1 = draws.latent("z1", q=lambda: normal(model.net(batch["x"]) + z2, 0.1), p=UNIT)
    draws.observe("x", lambda: normal(z1), batch.get("x"))


@pytest.mark.parametrize("estimator", [StickTheLanding, DReG])
def test_what_is_shared_counts_once_along_a_chain_too(estimator):
    torch.manual_seed(0)
    trace = Own(shared_above)(torch.randn(8, 2), num_examples=100)
    terms = ELBO(estimator=estimator())(trace)
    expected = (trace.log_q - trace.log_p).mean()
    assert torch.allclose(terms["kl"], expected, atol=1e-5)
    assert torch.allclose(trace["w"].kl, trace["w"].q.log_prob(trace["w"].z) * 0 + 1 / 100)


def test_nets_that_draw_noise_are_refused_where_the_model_is_run_again():
    model, x = Own(noisy), torch.randn(8, 2)
    objective = ELBO(estimator=StickTheLanding())
    with pytest.raises(ValueError, match="draw noise of their own, such as dropout"):
        objective(model.train()(x))
    objective(model.eval()(x))


def tower(model, batch, draws):
    draws.latent("w", q=lambda: normal(model.loc), p=UNIT, shared=True)
    z = draws.latent("z", q=lambda: normal(batch["x"]), p=lambda: normal(torch.zeros(1, 2)))
    y = draws.observe("y", normal(z), batch.get("y"))
    draws.observe("x", lambda: normal(10 * y, 1e-3), batch.get("x"))


def test_as_many_are_generated_as_were_asked_for():
    for n in (1, 5, 501):
        assert Own(shared_above).sample(n, noise=True).shape == (n, 2)
        assert Own(shared_above).sample_latents(n).shape == (n, 2)
        for noise in (True, False):
            drawn = Own(tower).sample(n, noise=noise)
            assert drawn["x"].shape == drawn["y"].shape == (n, 2)
            assert torch.allclose(drawn["x"], 10 * drawn["y"], atol=0.1)
    y = torch.randn(5, 2)
    assert torch.equal(Own(tower).sample(5, given={"y": y})["y"], y)


def simple(q, p, px, **more):
    def run(model, batch, draws):
        z = draws.latent("z", q=lambda: q(batch["x"]), p=p)
        draws.observe("x", lambda: px(z), batch.get("x"), **more)

    return Own(run)


SLIPS = {
    "p of a batch": (
        simple(normal, Normal(ZERO, 1.0), normal),
        "p of z has batch shape|q and p of z",
    ),
    "q of a batch": (simple(lambda x: Normal(x, 1.0), UNIT, normal), "q of z|q and p of z"),
    "px of a batch": (simple(normal, UNIT, lambda z: Normal(z, 1.0)), "p.x.z. has batch shape"),
    "events": (simple(normal, normal(torch.zeros(5)), normal), "q and p of z are of events of"),
    "x": (simple(normal, UNIT, lambda z: normal(z[..., :1])), "x has shape"),
    "weight": (simple(normal, UNIT, normal, weight=torch.ones(4, 2)), "the weight of x has shape"),
    "mask": (simple(normal, UNIT, normal, mask=torch.ones(2) > 0), "the mask of x has shape"),
}


@pytest.mark.parametrize("name", SLIPS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_shape_that_would_be_broadcast_is_refused(name, size):
    model, told = SLIPS[name]
    for num_samples in {1, size}:
        with pytest.raises(ValueError, match=told):
            model(torch.randn(size, 2), num_samples=num_samples)


WRONG = {
    "no field": (lambda m, x: m({}), "must have a field"),
    "another field": (lambda m, x: m({"y": x}), "the model reads x, and the fields that are known"),
    "no sample": (lambda m, x: m(x, num_samples=0), "num_samples must be at least 1"),
    "a temperature": (lambda m, x: m.sample(3, temperature={"zz": 0.1}), "has no latent zz; it"),
    "a value": (lambda m, x: m.decode({"z": x[None], "zz": x}), "has no latent zz; it has z"),
    "a step": (lambda m, x: m.impute({"x": x}, x > 0, steps=0), "steps must be a whole number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_told_in_a_sentence(name):
    call, told = WRONG[name]
    with pytest.raises(ValueError, match=told):
        call(simple(normal, UNIT, normal), torch.randn(4, 2))


def test_values_that_count_nothing_lie_in_the_support():
    x = torch.tensor([[0.0, 1.0], [1.0, float("nan")]])
    model = simple(lambda x: normal(x.nan_to_num()), UNIT, bernoulli, mask=x.isfinite())
    assert model(x).log_px.isfinite().all()


def test_penalties_know_posteriors_and_priors_of_any_batch_shape():
    x = torch.randn(50, 2)
    lead = simple(lambda x: normal(x[None]), UNIT, normal)
    assert torch.equal(DIP()(lead(x))["dip"], DIP()(simple(normal, UNIT, normal)(x))["dip"])
    own = Own(lambda m, b, d: d.latent("z", q=lambda: normal(b["x"]), p=normal(b["x"])))
    torch.manual_seed(0)
    found = [MMD(1.0)(own(3 * torch.randn(64, 2)))["mmd"].item() for _ in range(20)]
    assert abs(sum(found) / 20) < 0.1
