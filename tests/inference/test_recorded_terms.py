"""A recorded step is the step it was recorded from, with noise of its own."""

import pytest
import torch
from torch.distributions import Normal, constraints

import vae
from tests.inference.problems import WIDE, Regression
from vae.inference import FullRank, LogJoint, MeanField, Target
from vae.inference.recorded_terms import RecordedTerms
from vae.objectives import ELBO, LinearSchedule, Progress, StickTheLanding
from vae.training.step import terms_and_figures


@pytest.fixture(autouse=True)
def wide():
    torch.set_default_dtype(WIDE)


def results(compute, model, objective, batch, num_examples):
    model.zero_grad()
    torch.manual_seed(5)
    terms, figures = compute(model, objective, batch, Progress(0, num_examples))
    sum(terms.values()).backward()
    return {**terms, **figures, **{k: p.grad for k, p in model.named_parameters()}}


@pytest.mark.parametrize("batch", [{"x": torch.zeros(1)}, {"index": torch.arange(12)}])
@pytest.mark.parametrize("family", [MeanField, FullRank])
@pytest.mark.parametrize("estimator", [None, StickTheLanding()])
def test_a_recorded_step_has_the_terms_and_gradients_of_the_step(batch, family, estimator):
    known = Regression()
    target = Target.of_data(known.log_prior, known.log_likelihood, known.latents, known.data)
    model, objective = LogJoint(target, family(3)), ELBO(num_samples=4, estimator=estimator)
    batch = {k: v.to(WIDE) if k == "x" else v for k, v in batch.items()}
    n = 60 if "index" in batch else 1
    recording = RecordedTerms()
    results(recording, model, objective, batch, n)
    assert recording.reason == ""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    batch = {k: v.flip(0) + 3 * (k == "index") for k, v in batch.items()}
    ours = results(recording, model, objective, batch, n)
    theirs = results(terms_and_figures, model, objective, batch, n)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, msg=name)


def branching(x):
    return -(x**2) if x.sum() > 0 else -2 * x**2


@pytest.mark.parametrize(
    ("function", "objective"),
    [(branching, ELBO()), (lambda x: -(x**2), ELBO(beta=LinearSchedule(end=1.0, steps=9)))],
)
def test_what_cannot_be_recorded_is_called(function, objective):
    target = Target.of(function, {"x": constraints.real}, vectorized=True)
    model, recording = LogJoint(target, MeanField(1)), RecordedTerms()
    batch = {"x": torch.zeros(1, dtype=WIDE)}
    ours = results(recording, model, objective, batch, 1)
    assert recording.reason
    assert torch.equal(ours["kl"], results(terms_and_figures, model, objective, batch, 1)["kl"])


class Stop(Exception):
    pass


class Stopping(torch.optim.Adam):
    left = 10**9

    def step(self, closure=None):
        Stopping.left -= 1
        if Stopping.left < 0:
            raise Stop
        return super().step(closure)


def test_a_fit_of_recorded_steps_is_the_same_and_its_resume_exact(tmp_path):
    calls = [0]

    def log_joint(mu):
        calls[0] += 1
        return Normal(2.0, 0.5).log_prob(mu)

    def fitted(**more):
        calls[0] = 0
        settings = {"steps": 240, "lr": 0.05, "optimizer": Stopping, "quiet": True, **more}
        fit = vae.fit(log_joint, {"mu": constraints.real}, **settings)
        return torch.cat([p.detach() for p in fit.posterior.parameters()])

    recorded = fitted()
    assert calls[0] < 100  # in validations too
    torch.testing.assert_close(recorded, fitted(record=False))
    assert calls[0] > 240
    Stopping.left = 130
    with pytest.raises(Stop):
        fitted(folder=tmp_path)
    Stopping.left = 10**9
    assert torch.equal(fitted(folder=tmp_path, resume=True), recorded)
