"""The learned density ratio, and whose parameters its gradients reach."""

from math import log

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal
from torch.nn.functional import softplus

from tests.linear_gaussian import LinearGaussian
from tests.objectives.penalties.traces import normal, trace_of
from vae.distributions import CategoricalPosterior, LogScaleNormal, frozen
from vae.models import VAE
from vae.objectives import ELBO, LinearSchedule, Progress
from vae.objectives.penalties import Adversarial, Adversary, Factor
from vae.objectives.penalties.factor import permute_dims

pytestmark = pytest.mark.usefixtures("double_precision")

PENALTIES = {"factor": Factor, "adversarial": Adversarial}


@pytest.fixture(params=PENALTIES)
def name(request):
    return request.param


def net(dim, hidden=32):
    inner = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU())
    return nn.Sequential(nn.Linear(dim, hidden), nn.SiLU(), inner, nn.Linear(hidden, 1))


def train(adversary, loss, steps=400):
    optimizer = adversary.make_optimizer(adversary.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()


class LearnedNormal(nn.Module):
    """A prior with something to learn."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(3))

    def forward(self):
        return Independent(LogScaleNormal(self.loc, torch.zeros(3)), 1)


def model_and_trace():
    gold = LinearGaussian()
    parts = gold.factorised()
    model = VAE(parts.encoder, parts.decoder, LearnedNormal())
    return model, model(gold.marginal.sample((8,)))


def untouched(module):
    return all(p.grad is None for p in module.parameters())


def reached(module):
    return all(p.grad is not None and (p.grad != 0).any() for p in module.parameters())


def check_isolation(penalty, name):
    """The penalty reaches the encoder alone, the discriminator's loss the discriminator alone."""
    model, trace = model_and_trace()
    terms = penalty(trace)
    terms[name].backward(retain_graph=True)
    assert untouched(penalty)
    assert reached(model.encoder)
    assert untouched(model.decoder)
    assert untouched(model.prior)
    model.zero_grad()
    terms[f"{name}_discriminator"].backward()
    assert reached(penalty)
    assert untouched(model)


def leaking_ratio(adversary):
    adversary.log_ratio = adversary.logits


def leaking_loss(adversary):
    def loss(a, b):
        return softplus(-adversary.logits(a)).mean() + softplus(adversary.logits(b)).mean()

    adversary.loss = loss


MUTANTS = {"leaking ratio": leaking_ratio, "leaking loss": leaking_loss}


def test_each_term_has_gradients_for_its_own_player(name):
    check_isolation(PENALTIES[name](net(3)), name)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_leak_is_caught(name, mutant):
    penalty = PENALTIES[name](net(3))
    MUTANTS[mutant](penalty.adversary)
    with pytest.raises(AssertionError):
        check_isolation(penalty, name)


def gradients(loss, module):
    return torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)


def test_one_backward_pass_of_the_sum_serves_both_players(name):
    model, trace = model_and_trace()
    penalty = PENALTIES[name](net(3))
    terms = {**ELBO()(trace), **penalty(trace)}
    theirs = gradients(terms[f"{name}_discriminator"], penalty)
    rest = sum(term for key, term in terms.items() if key != f"{name}_discriminator")
    ours = gradients(rest, model)
    sum(terms.values()).backward()
    for module, alone in ((penalty, theirs), (model, ours)):
        for parameter, expected in zip(module.parameters(), alone, strict=True):
            assert torch.allclose(parameter.grad, expected)


def test_the_penalty_moves_the_encoder_as_its_weight_says(name):
    model, trace = model_and_trace()
    discriminator = net(3)
    one, half = (
        PENALTIES[name](discriminator, weight=weight)
        for weight in (1.0, LinearSchedule(1.0, steps=10))
    )
    at = Progress(step=5)
    a, b = (gradients(penalty(trace, at)[name], model.encoder) for penalty in (one, half))
    assert all(torch.allclose(g, 2 * h) for g, h in zip(a, b, strict=True))


def test_draws_of_the_prior_carry_no_gradient(name):
    model, trace = model_and_trace()
    loss = sum(PENALTIES[name](net(3))(trace).values())
    assert torch.autograd.grad(loss, model.prior.loc, allow_unused=True) == (None,)


def test_frozen_gives_back_what_was_learned_and_nothing_else():
    module = net(2)
    module[0].bias.requires_grad_(False)
    before = [p.requires_grad for p in module.parameters()]
    with frozen(module):
        assert not any(p.requires_grad for p in module.parameters())
    assert [p.requires_grad for p in module.parameters()] == before


def test_an_exception_thaws_the_discriminator(name):
    penalty = PENALTIES[name](net(2))  # whose input has one dimension too few
    _, trace = model_and_trace()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        penalty(trace)
    assert all(p.requires_grad for p in penalty.parameters())


def check_permutation(permute):
    """Each column keeps its values, in an order that is neither the old one nor another's."""
    z = torch.randn(500, 3)
    permuted = permute(z)
    assert torch.equal(permuted.sort(0).values, z.sort(0).values)
    source = (permuted[:, None] == z).double().argmax(1)  # the row that each value came from
    for j in range(3):
        assert (source[:, j] == torch.arange(500)).double().mean() < 0.05
        assert (source[:, j] == source[:, j - 1]).double().mean() < 0.05


WRONG_PERMUTATIONS = {
    "within rows": lambda z: z.gather(1, torch.rand(z.shape).argsort(1)),
    "whole rows": lambda z: z[torch.randperm(len(z))],
    "none": lambda z: z,
    "one of all values": lambda z: z.flatten()[torch.randperm(z.numel())].view_as(z),
}


def test_dimensions_are_permuted_across_the_batch():
    check_permutation(permute_dims)


@pytest.mark.parametrize("mutant", WRONG_PERMUTATIONS)
def test_a_wrong_permutation_is_caught(mutant):
    with pytest.raises(AssertionError):
        check_permutation(WRONG_PERMUTATIONS[mutant])


def test_every_order_is_as_likely():
    z = torch.arange(3.0)[:, None].expand(3, 4000)
    orders, counts = permute_dims(z).unique(dim=1, return_counts=True)
    assert orders.shape[1] == 6
    assert (counts - 4000 / 6).abs().max() < 4 * (4000 / 6) ** 0.5


def test_a_variable_of_several_coordinates_stays_whole():
    z = torch.randn(50, 2, 4)
    permuted = permute_dims(z)
    for j in range(2):
        whole = (permuted[:, None, j] == z[:, j]).all(-1)
        assert (whole.sum(0) == 1).all()
        assert (whole.sum(1) == 1).all()


def test_factor_compares_draws_with_permuted_whole_variables():
    seen = []
    discriminator = net(8)
    discriminator.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    q = CategoricalPosterior(2, num_categories=4)(torch.randn(50, 8))
    trace = trace_of(q, p=q)
    Factor(discriminator)(trace)
    own, again, permuted = (z.detach().unflatten(1, (2, 4)) for z in seen)
    assert torch.equal(own, trace.latents[0].z[0])
    assert torch.equal(own, again)
    assert not torch.equal(own, permuted)
    assert torch.allclose(permuted.sum(-1), torch.ones(50, 2))
    assert torch.equal(permuted.flatten(1).sort(0).values, own.flatten(1).sort(0).values)


def test_factor_learns_a_known_total_correlation():
    rho = 0.8
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]])
    penalty = Factor(net(2), weight=1.0)

    def terms(batch_size=512):
        return penalty(trace_of(MultivariateNormal(torch.zeros(batch_size, 2), covariance)))

    train(penalty.adversary, lambda: terms()["factor_discriminator"])
    with torch.no_grad():
        total_correlation = terms(50_000)["factor"].item()
    assert total_correlation == pytest.approx(-0.5 * log(1 - rho**2), rel=0.15)


def test_log_ratio_is_that_of_the_densities():
    a, b = Normal(torch.zeros(1), 1.0), Normal(torch.ones(1), 1.5)
    adversary = Adversary(net(1), optimizer=torch.optim.Adam)
    train(adversary, lambda: adversary.loss(a.sample((512,)), b.sample((512,))))
    bulk = torch.linspace(-1.5, 2.0, 50)
    exact = a.log_prob(bulk) - b.log_prob(bulk)
    assert exact.max() - exact.min() > 1
    assert torch.allclose(adversary.log_ratio(bulk[:, None]), exact, atol=0.15)


def test_adversarial_term_is_the_loss_of_the_best_discriminator():
    """−E log D at D = p/(p + q): the encoder is to be taken for the prior, not the reverse."""
    penalty = Adversarial(net(1), weight=1.0)

    def terms(batch_size=512):
        return penalty(trace_of(normal(torch.ones(batch_size, 1), 0.5)))

    train(penalty.adversary, lambda: terms()["adversarial_discriminator"])
    z = torch.linspace(-3, 5, 10_001)
    p, q_density = (Normal(m, s).log_prob(z).exp() for m, s in ((0.0, 1.0), (1.0, 0.5)))
    exact = torch.trapezoid(-q_density * (p / (p + q_density)).log(), z).item()
    with torch.no_grad():
        assert terms(50_000)["adversarial"].item() == pytest.approx(exact, rel=0.05)


def test_logits_in_half_precision_become_single():
    adversary = Adversary(net(2).bfloat16(), optimizer=torch.optim.Adam)
    assert adversary.logits(torch.randn(4, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_a_batch_of_one_example_is_finite(name):
    terms = PENALTIES[name](net(3))(trace_of(normal(torch.randn(1, 3), 0.5)))
    assert all(term.isfinite() for term in terms.values())


def test_a_negative_weight_is_refused(name):
    with pytest.raises(ValueError, match="weight must be a finite number of at least 0"):
        PENALTIES[name](net(3), weight=-1.0)
