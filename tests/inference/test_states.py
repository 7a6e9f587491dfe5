"""Discrete latents: every way to a gradient finds what a sum over all states gives."""

import pytest
import torch
from torch.distributions import Categorical, Normal, constraints

import vae
from tests.inference.problems import WIDE
from vae.inference import LogJoint, MeanField, Target
from vae.inference.states import States
from vae.objectives import ELBO, ScoreFunction

X = torch.tensor([-2.0, -1.8, 0.6, 2.1], dtype=WIDE)
LATENTS = {"mu": constraints.real, "s": (constraints.boolean, (4,))}


@pytest.fixture(autouse=True)
def wide():
    torch.set_default_dtype(WIDE)


def two_clusters(mu, s):
    """Points of N(μ, 0.7²) where s is 1, and of N(−2, 0.7²) where it is 0."""
    prior = Normal(0.0, 3.0).log_prob(mu) + len(X) * torch.tensor(0.5).log()
    each = s * Normal(mu, 0.7).log_prob(X) + (1 - s) * Normal(-2.0, 0.7).log_prob(X)
    return prior + each.sum()


def gradient(states, num_samples, estimator=None):
    target = Target.of(two_clusters, LATENTS)
    model = LogJoint(target, MeanField(1), states=states)
    objective = ELBO(num_samples=num_samples, estimator=estimator)
    batch = {"x": torch.zeros(400)}
    loss = sum(objective(model(batch, num_samples=num_samples)).values())
    grad = torch.autograd.grad(loss, [states.logits["s"], model.posterior.loc])
    return loss.detach(), torch.cat([g.flatten() for g in grad])


def test_the_score_has_the_gradient_of_the_sum_over_states():
    discrete = {"s": LATENTS["s"]}
    summed, drawn = States(discrete, "enumerate"), States(discrete, "score")
    logits = torch.randn(4, 2)
    for states in (summed, drawn):
        states.logits["s"].data.copy_(logits)
    found = [gradient(summed, 5) for _ in range(5)]
    exact, exact_grad = (torch.stack(part).mean(0) for part in zip(*found, strict=True))
    found = [gradient(drawn, 5, ScoreFunction()) for _ in range(20)]
    losses, grads = (torch.stack(part) for part in zip(*found, strict=True))
    assert abs(losses.mean() - exact) < 5 * losses.std() / 20**0.5
    error = grads.std(0) / 20**0.5
    assert ((grads.mean(0) - exact_grad).abs() < 5 * error + 0.02).all()


@pytest.mark.parametrize("way", ["enumerate", "score", "relaxed"])
def test_every_way_finds_the_clusters(way):
    fit = vae.fit(
        two_clusters, LATENTS, estimator=way, num_samples=20, steps=300, lr=0.05, quiet=True
    )
    draws = fit.sample(1000)
    assert draws["s"].shape == (1000, 4)
    near = draws["s"].mean(0)
    assert (near[:2] < 0.2).all()
    assert (near[2:] > 0.8).all()
    assert 0.8 < draws["mu"].mean() < 1.8
    assert fit.log_prob(draws).isfinite().all()
    every = torch.cartesian_prod(*[torch.arange(2.0)] * 4)
    grid = torch.linspace(-9, 9, 2001)
    log_p = torch.vmap(lambda s: torch.vmap(lambda mu: two_clusters(mu, s))(grid))(every)
    evidence = (log_p.flatten().logsumexp(0) + (grid[1] - grid[0]).log()).item()
    assert fit.log_evidence(4000).item() == pytest.approx(evidence, abs=0.1)


@pytest.mark.parametrize("way", ["enumerate", "score", "relaxed"])
def test_a_single_state_is_found(way):
    fit = vae.fit(
        lambda busy: torch.tensor(0.8).log() * busy + torch.tensor(0.2).log() * (1 - busy),
        {"busy": constraints.boolean},
        estimator=way,
        steps=150,
        lr=0.05,
        quiet=True,
    )
    q = fit.states.q("busy")
    assert q.event_shape == ()
    if way != "relaxed":  # whose bound is that of another model
        assert q.log_prob(torch.tensor(1)).exp().item() == pytest.approx(0.8, abs=0.05)
    assert fit.sample(10)["busy"].shape == (10,)


def test_categories_alone_are_found():
    p = torch.tensor([0.2, 0.3, 0.5])
    fit = vae.fit(
        lambda s: Categorical(p).log_prob(s - 1),
        {"s": constraints.integer_interval(1, 3)},
        estimator="enumerate",
        num_samples=1,
        steps=300,
        lr=0.05,
        quiet=True,
    )
    torch.testing.assert_close(fit.states.q("s").base_dist.probs, p, atol=1e-3, rtol=0)
    assert set(fit.sample(100)["s"].tolist()) == {1, 2, 3}


@pytest.mark.parametrize(
    ("latents", "estimator", "words"),
    [
        ({"s": constraints.boolean}, "pathwise", 'estimator="score", "relaxed" or "enumerate"'),
        ({"s": (constraints.boolean, (20,))}, "enumerate", "1,048,576 states"),
        ({"s": constraints.integer_interval(0, 3)}, "relaxed", "one_hot"),
        ({"s": constraints.nonnegative_integer}, "score", "integer_interval"),
    ],
)
def test_what_has_no_way_is_refused(latents, estimator, words):
    with pytest.raises(ValueError, match=words):
        vae.fit(lambda s: s.sum(), latents, estimator=estimator, quiet=True)
