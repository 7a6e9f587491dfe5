"""Gaps between bound and likelihood, against closed forms of the linear-Gaussian model."""

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from tests.compose import settings_of
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from tests.steps import BINARY, MLP
from vae.build import build_model
from vae.cli.compose import choices
from vae.evaluation import Amortization, NotApplicable, fit_posterior
from vae.evaluation.sections import amortization as module


def gold_figures(model, gold, **settings):
    """Return figures on draws of the model, and the draws in double precision."""
    x = gold.marginal.sample((40,)).float()
    settings = {"num_steps": 300, "samples_per_step": 4, "num_samples": 500} | settings
    return Amortization(40, **settings)(subject_of(model.float(), x)).figures, x.double()


def divergences(gold, q, x):
    """Return KL(q ‖ p(z|x)) of factorised Gaussians, ``(N,)``."""
    full = MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    return kl_divergence(full, gold.posterior(x))


def test_gaps_of_a_wrong_encoder_are_the_known_divergences():
    gold = LinearGaussian()
    wrong, best = gold.factorised(width=2.0), gold.factorised()
    wrong.encoder.net.bias.data[:3] += 0.2
    figures, x = gold_figures(wrong, gold, num_samples=2000)
    family = divergences(gold, best.encode(x), x).mean().item()
    whole = divergences(gold, wrong.double().encode(x), x).mean().item()
    assert family > 0.1
    assert whole > family + 1
    assert figures["approximation_gap"].value == pytest.approx(family, abs=0.03)
    assert figures["inference_gap"].value == pytest.approx(whole, rel=0.01)
    assert figures["amortization_gap"].value == pytest.approx(whole - family, rel=0.01)
    assert figures["log_p"].value == pytest.approx(gold.log_p(x).mean().item(), abs=0.03)
    assert figures["log_p"].error == pytest.approx(gold.log_p(x).std().item() / 40**0.5, rel=0.05)


def test_an_exact_encoder_has_no_gap():
    gold = LinearGaussian(orthogonal=True)
    figures, _ = gold_figures(gold.factorised(), gold, num_steps=50)
    for gap in ("amortization_gap", "approximation_gap", "inference_gap"):
        assert figures[gap].value == pytest.approx(0, abs=1e-3)


def test_fits_that_went_astray_are_said_to_be():
    subject = subject_of(LinearGaussian().factorised().float(), torch.randn(8, 6))
    section = Amortization(num_examples=8, num_steps=2, learning_rate=30.0)(subject)
    assert section.figures["amortization_gap"].value < 0
    assert "lower report.amortization.learning_rate=30." in section.notes[0]


def test_the_best_of_a_family_that_is_too_small_is_not_left():
    gold = LinearGaussian()
    figures, _ = gold_figures(gold.factorised(), gold)
    assert figures["amortization_gap"].value == pytest.approx(0, abs=0.01)


def binary_model(*overrides):
    return build_model(settings_of(*MLP, *overrides), BINARY).eval()


UNFITTED = ("categorical", "bernoulli", "joint")  # see below
VAMP = ["prior=vamp", "prior.num_components=5"]


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        *[(name, []) for name in choices("posterior") if name not in UNFITTED],
        *[(name, VAMP) for name in ("normal", "constant", "nsf")],
    ],
)
def test_fitting_raises_the_bound_of_every_posterior_and_leaves_the_model_alone(posterior, prior):
    model = binary_model(f"posterior={posterior}", *prior)
    if posterior == "constant":
        model.encoder.head.log_scale = -1.0
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = torch.bernoulli(torch.full((6, *BINARY.shape), 0.5))
    settings = {"num_steps": 40, "samples_per_step": 2, "num_samples": 200}
    figures = Amortization(6, **settings)(subject_of(model, x, support="boolean")).figures
    assert figures["amortization_gap"].value > 0.02
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_the_memory_does_not_change_the_fit():
    model = binary_model().double()
    x = torch.bernoulli(torch.full((6, *BINARY.shape), 0.5)).double()

    def fitted(max_rows):
        rows = []
        hook = model.decoder.register_forward_hook(lambda _, given, __: rows.append(given[0]))
        torch.manual_seed(3)
        q = fit_posterior(model, x, [0.1] * 5, num_samples=3, max_rows=max_rows)
        hook.remove()
        return q.mean, max(z[..., 0].numel() for z in rows)

    whole, most = fitted(4096)
    parts, fewer = fitted(4)
    assert (most, fewer) == (18, 4)
    assert torch.allclose(whole, parts, atol=1e-12)


def test_what_cannot_be_fitted_is_said():
    x = torch.zeros(4, *BINARY.shape)
    with pytest.raises(NotApplicable, match="needs one latent, not z, c"):
        Amortization()(subject_of(binary_model("posterior=joint"), x))
    discrete = binary_model("posterior=categorical", "prior=uniform_categorical")
    with pytest.raises(NotApplicable, match="needs a posterior with rsample"):
        Amortization()(subject_of(discrete, x))
    gold = LinearGaussian()
    with pytest.raises(NotApplicable, match="net and a head"):
        Amortization()(subject_of(gold.exact().float(), gold.marginal.sample((4,))))


@pytest.mark.parametrize("name", ["num_examples", "num_steps", "samples_per_step", "num_samples"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1; got 0"):
        Amortization(**{name: 0})
    for rate in (0.0, float("nan")):
        with pytest.raises(ValueError, match="learning_rate must be"):
            Amortization(learning_rate=rate)


def test_a_gradient_through_the_density_of_q_would_not_be_the_path_gradient():
    """At the exact posterior it is zero for every latent, not only in the mean."""
    gold = LinearGaussian(orthogonal=True)
    model, x = gold.factorised().float(), gold.marginal.sample((5,)).float()
    q = model.encode(x)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    z = q.rsample((7,)).detach()
    found = module.path_gradient(model, model.prior(), q, x, z, 4096)
    assert found.abs().max() < 1e-3
