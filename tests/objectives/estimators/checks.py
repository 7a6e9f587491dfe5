"""Checks of gradient estimators, which right ones pass and mutants fail."""

from itertools import product

import pytest
import torch

from tests.linear_gaussian import SIGMA
from tests.objectives.estimators.models import (
    DATA,
    OBJECTIVES,
    K,
    at,
    discrete_model,
    gradient,
    normal_model,
    parts,
)
from vae.objectives import ELBO, IWAE, MIWAE, DReG, Pathwise, Renyi, ScoreFunction
from vae.objectives.estimators import average
from vae.objectives.iwae import log_mean_exp


def check_expectation(objective, reference, model, x, *, draws=400, repeats=30):
    """Two estimates from the same draws: the mean of their difference is zero, and well known."""
    differences, references = [], []
    for _ in range(repeats):
        trace = model(x.expand(draws, -1), num_samples=reference.num_samples())
        references.append(gradient(reference, trace, model))
        differences.append(gradient(objective, trace, model) - references[-1])
    difference, signal = torch.stack(differences), torch.stack(references).mean(0)
    error = difference.std(0) / repeats**0.5
    for part in parts(model):
        if error[part].norm() > 0.05 * signal[part].norm():
            pytest.fail("too few draws to tell")  # no AssertionError: a mutant must not hide in it
    assert (difference.mean(0).abs() <= 4.5 * error + 1e-10).all()


def check_two_bounds():
    model, x = normal_model()
    trace = model(x.expand(5, -1), num_samples=K)
    encoder, *generative = parts(model)
    for estimator in (Pathwise(), DReG()):
        ours = gradient(OBJECTIVES["piwae"](estimator), trace, model)
        posterior = gradient(OBJECTIVES["miwae"](estimator), trace, model)
        assert torch.allclose(ours[encoder], posterior[encoder], rtol=0, atol=1e-13)
        bound = gradient(OBJECTIVES["iwae"](estimator), trace, model)
        for part in generative:
            assert torch.allclose(ours[part], bound[part], rtol=0, atol=1e-13)


def check_curvature(curvature, bound):
    log_w = 2 * torch.randn(K, 3)
    found = curvature(bound, log_w)
    assert found.shape == log_w.shape
    for b in range(3):

        def alone(column):
            return bound(column[:, None])[0]

        hessian = torch.autograd.functional.hessian(alone, log_w[:, b])
        assert torch.allclose(found[:, b], hessian.diagonal(), rtol=0, atol=1e-12)


def own_log_weights(model, z, x):
    """Log w of the linear-Gaussian model with q held fixed, from densities of torch."""
    normal = torch.distributions.Normal
    q, p = model.encode(x).base_dist, model.prior().base_dist
    log_q = normal(q.loc.detach(), q.log_scale.detach().exp()).log_prob(z).sum(-1)
    log_p = normal(p.loc, p.log_scale.exp()).log_prob(z).sum(-1)
    return log_p + normal(model.decoder.net(z), SIGMA).log_prob(x).sum(-1) - log_q


def check_squared_weights(objective):
    """Of IWAE, DReG is Σ_k w̃_k² ∂log w_k/∂z_k ∂z_k/∂φ, with q fixed in log w."""
    model, x = normal_model()
    x = x + torch.randn(5, DATA)
    trace = model(x, num_samples=K)
    log_w = own_log_weights(model, trace.latents[0].z, x)
    squares = (log_w.exp() / log_w.exp().sum(0)).square().detach()
    encoder = list(model.encoder.parameters())
    loss = -(squares * log_w).sum(0).mean()
    expected = torch.autograd.grad(loss, encoder, retain_graph=True)
    ours = gradient(objective, trace, model.encoder)
    assert torch.allclose(ours, torch.cat([g.flatten() for g in expected]), rtol=0, atol=1e-12)


def naive_score(model, trace, signal, explicit):
    """The surrogate Σ_k signal_k log q(z_k) + explicit of one example after the other."""
    surrogate = 0.0
    log_q = model.encode(trace.x).log_prob(trace.latents[0].z.detach())
    for b in range(len(trace.x)):
        for k, s in enumerate(signal(trace.log_px[:, b].tolist(), trace.log_weight[:, b])):
            surrogate = surrogate + s * log_q[k, b]
        surrogate = surrogate + explicit(trace, log_q, b)
    loss = -surrogate / len(trace.x)
    encoder = list(model.encoder.parameters())
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, encoder, retain_graph=True)])


def rloo_signal(log_px, _):
    """The KL is one number for all samples, known in closed form, and cancels."""
    k = len(log_px)
    return [(value - (sum(log_px) - value) / (k - 1)) / k for value in log_px]


def vimco_signal(_, log_w):
    w = log_w.detach().exp()
    k, whole = len(w), w.mean().log()
    signal = []
    for i in range(k):
        others = torch.cat([w[:i], w[i + 1 :]])
        geometric = others.prod() ** (1 / (k - 1))
        signal.append(whole - ((others.sum() + geometric) / k).log())
    return signal


def explicit_elbo(trace, log_q, b):
    return -torch.distributions.kl_divergence(trace.latents[0].q, trace.latents[0].p)[b]


def explicit_iwae(trace, log_q, b):
    w = trace.log_weight[:, b].detach().exp()
    return -(w / w.sum() * log_q[:, b]).sum()


FORMULAS = {
    "elbo": ("elbo", rloo_signal, explicit_elbo),
    "iwae": ("iwae", vimco_signal, explicit_iwae),
}


def check_formula(name, build):
    _, signal, explicit = FORMULAS[name]
    model, x = build()
    trace = model(x + torch.randn(3, DATA), num_samples=K)
    ours = gradient(OBJECTIVES[name](ScoreFunction()), trace, model.encoder)
    without_paths = at(model, trace.x, trace.latents[0].z.detach())
    expected = naive_score(model, without_paths, signal, explicit)
    assert torch.allclose(ours, expected, rtol=0, atol=1e-12)


def outcomes(model, x, num_samples):
    """A trace whose examples are all K-tuples of latents, and their probabilities."""
    dim, categories = model.encoder.head.event_shape
    letters = torch.eye(categories).unbind()
    states = [torch.stack(word) for word in product(letters, repeat=dim)]
    tuples = [torch.stack(states_) for states_ in product(states, repeat=num_samples)]
    z = torch.stack(tuples, 1)
    trace = at(model, x.expand(len(tuples), -1), z)
    return trace, trace.latents[0].log_q.sum(0).exp()


def exact_gradient(model, x, bound, num_samples):
    trace, probability = outcomes(model, x, num_samples)
    assert probability.sum().item() == pytest.approx(1)
    loss = -(probability * bound(trace.log_weight)).sum()
    grads = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([g.flatten() for g in grads])


def estimates(model, x, objective):
    """The estimator's gradient at each outcome, and the probabilities."""
    trace, probability = outcomes(model, x, objective.num_samples())
    z = trace.latents[0].z
    found = [gradient(objective, at(model, x, z[:, [t]]), model) for t in range(z.shape[1])]
    return torch.stack(found), probability.detach()


DISCRETE = {
    "elbo of 2": (lambda e: ELBO(num_samples=2, estimator=e), average, (2, 3)),
    "iwae of 2": (lambda e: IWAE(num_samples=2, estimator=e), log_mean_exp, (2, 3)),
    "elbo of 3": (lambda e: ELBO(num_samples=3, estimator=e), average, (1, 3)),
    "iwae of 3": (lambda e: IWAE(num_samples=3, estimator=e), log_mean_exp, (1, 3)),
    "miwae of 2 x 2": (
        lambda e: MIWAE(num_groups=2, group_size=2, estimator=e),
        lambda w: log_mean_exp(w.unflatten(0, (2, 2))).mean(0),
        (1, 3),
    ),
    "renyi of 3": (
        lambda e: Renyi(0.5, num_samples=3, estimator=e),
        lambda w: 2 * log_mean_exp(w / 2),
        (1, 3),
    ),
}


def check_outcomes(name):
    build, bound, shape = DISCRETE[name]
    model, x = discrete_model(*shape)
    objective = build(ScoreFunction())
    found, probability = estimates(model, x, objective)
    expected = exact_gradient(model, x, bound, objective.num_samples())
    assert expected.abs().min() > 1e-9
    assert torch.allclose(probability @ found, expected, rtol=0, atol=1e-12)
