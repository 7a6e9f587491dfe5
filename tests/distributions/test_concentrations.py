"""Gamma, Beta and Dirichlet latents in single precision, over all that their heads can give."""

from itertools import product

import pytest
import torch
from torch.distributions import kl_divergence

from vae.distributions import BetaPosterior, DirichletPosterior, GammaPosterior
from vae.priors import BetaPrior, DirichletPrior, GammaPrior

KINDS = {
    "gamma": (GammaPosterior, GammaPrior),
    "beta": (BetaPosterior, BetaPrior),
    "dirichlet": (DirichletPosterior, DirichletPrior),
}
RAW = [-1e6, -3.0, 0.0, 3.0, 1e6]  # from one end of the range to the other
DRAWS = 20_000


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("first", "second"), list(product(RAW, RAW)))
def test_divergence_is_that_of_draws_over_the_whole_range(name, first, second):
    torch.manual_seed(0)
    posterior, prior = KINDS[name]
    dim = 2 if name == "dirichlet" else 1
    raw = torch.tensor([first, second])
    q, p = posterior(dim)(raw), prior((dim,))()
    exact = kl_divergence(posterior(dim).double()(raw.double()), prior((dim,)).double()())
    z = q.sample((DRAWS,))
    ratio = (q.log_prob(z) - p.log_prob(z)).double()
    assert ratio.isfinite().all()
    assert abs(ratio.mean() - exact) < 4 * ratio.std() / DRAWS**0.5
    assert kl_divergence(q, p).item() == pytest.approx(exact.item(), abs=2e-3, rel=1e-5)


@pytest.mark.parametrize("first", [-1e6, 0.0, 1e6])
@pytest.mark.parametrize("name", KINDS)
def test_gradients_are_those_of_the_mean_over_the_whole_range(name, first):
    torch.manual_seed(1)
    head = KINDS[name][0](3 if name == "dirichlet" else 2)
    raw = torch.linspace(-3, 3, head.param_shape[0])
    raw[0] = first if abs(first) < 10 else 50 * (1 if first > 0 else -1)  # where slopes are seen
    rows = raw.expand(DRAWS, -1).clone().requires_grad_()
    one = raw.double().requires_grad_()
    weights = torch.arange(1.0, head.event_shape[0] + 1)
    z = head(rows).rsample() @ weights
    mean = head(one).mean @ weights.double()
    (each,) = torch.autograd.grad(z.sum(), rows)
    (exact,) = torch.autograd.grad(mean, one)
    error = each.std(0) / DRAWS**0.5
    assert ((each.mean(0) - exact).abs() < 4 * error + 1e-3 * exact.abs()).all()


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_settings_of_priors_are_checked(value):
    for prior, name in (
        (GammaPrior, "concentration"),
        (GammaPrior, "rate"),
        (BetaPrior, "concentration1"),
        (BetaPrior, "concentration0"),
        (DirichletPrior, "concentration"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be a finite number above 0; got"):
            prior((2,), **{name: value})


def test_a_whole_has_two_shares_at_least():
    with pytest.raises(ValueError, match="latent_dim must be at least 2 for shares"):
        DirichletPosterior(1)
    for head in (GammaPosterior, BetaPosterior):
        with pytest.raises(ValueError, match="latent_dim must be at least 1"):
            head(0)
