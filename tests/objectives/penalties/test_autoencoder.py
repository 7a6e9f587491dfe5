"""The penalties of regularised autoencoders, and the autoencoder as a limit of the VAE."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal as Gaussian

from tests.linear_gaussian import LinearGaussian
from tests.objectives.penalties.traces import trace_at
from vae.distributions import Conditional, ConstantNormalPosterior, FixedScale, Normal
from vae.models import VAE
from vae.objectives import ELBO, LinearSchedule, Progress
from vae.objectives.penalties import DecoderNorm, GradientPenalty, LatentNorm
from vae.priors import StandardNormal

pytestmark = pytest.mark.usefixtures("double_precision")

DATA_DIM, LATENT_DIM, SIGMA = 6, 3, 0.5


def linear_trace(batch_size=20, num_samples=1):
    gold = LinearGaussian()
    model = gold.factorised()
    return model, model(gold.marginal.sample((batch_size,)), num_samples=num_samples)


def autoencoder(scale):
    """A VAE with a constant, narrow posterior, whose nets are not linear."""
    encoder = nn.Sequential(nn.Linear(DATA_DIM, 16), nn.Tanh(), nn.Linear(16, LATENT_DIM))
    decoder = nn.Sequential(nn.Linear(LATENT_DIM, 16), nn.Tanh(), nn.Linear(16, DATA_DIM))
    return VAE(
        Conditional(encoder, ConstantNormalPosterior(LATENT_DIM, scale=scale)),
        Conditional(decoder, Normal((DATA_DIM,), scale=FixedScale(SIGMA))),
        StandardNormal((LATENT_DIM,)),
    )


def test_latent_norm_is_half_the_mean_squared_length():
    z = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert LatentNorm()(trace_at(z))["latent_norm"] == (25 + 1) / 2 / 2


def test_latent_norm_averages_over_samples():
    _, trace = linear_trace(num_samples=4)
    expected = 0.5 * trace.latents[0].z.square().sum() / (4 * 20)
    assert torch.allclose(LatentNorm()(trace)["latent_norm"], expected)


def test_decoder_norm_is_the_squared_length_of_all_parameters():
    decoder = nn.Linear(2, 2)
    decoder.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    decoder.bias.data = torch.tensor([5.0, 6.0])
    term = DecoderNorm(decoder, weight=0.5)(trace_at(torch.zeros(1, 2)))["decoder_norm"]
    assert term == 0.5 * (1 + 4 + 9 + 16 + 25 + 36)
    term.backward()
    assert torch.equal(decoder.weight.grad, decoder.weight)


def test_decoder_norm_leaves_the_decoder_to_the_model():
    penalty = DecoderNorm(nn.Linear(2, 2))
    assert list(penalty.parameters()) == []
    assert penalty.state_dict() == {}


@pytest.mark.parametrize("num_samples", [1, 3])
def test_gradient_penalty_of_a_linear_decoder_is_its_squared_norm(num_samples):
    """‖Wᵀv‖² has the mean ‖W‖² and the variance 2 tr((WWᵀ)²)."""
    model, trace = linear_trace(10_000, num_samples)
    w = model.decoder.net.weight
    term = GradientPenalty(1.0)(trace)["gradient_penalty"]
    error = (2 * (w @ w.T).square().sum() / (10_000 * num_samples)).sqrt()
    assert (term - w.square().sum()).abs() < 4 * error
    assert error < 0.02 * w.square().sum()


def test_gradient_penalty_pulls_on_the_decoder():
    model, trace = linear_trace(10_000)
    w = model.decoder.net.weight
    GradientPenalty(1.0)(trace)["gradient_penalty"].backward()
    assert torch.allclose(w.grad, 2 * w, atol=0.1 * w.abs().max().item())


def test_gradient_penalty_is_that_of_the_jacobian_at_each_latent():
    model = autoencoder(1e-6)
    x = torch.randn(3, DATA_DIM).repeat_interleave(5000, 0)
    z = model.encoder.net(x[::5000])
    jacobians = [torch.autograd.functional.jacobian(model.decoder.net, point) for point in z]
    exact = sum(j.square().sum() for j in jacobians).item() / 3
    term = GradientPenalty(1.0)(model(x))["gradient_penalty"].item()
    assert term == pytest.approx(exact, rel=0.05)


def test_gradient_penalty_is_silent_where_gradients_are_off():
    with torch.no_grad():
        _, trace = linear_trace()
        assert GradientPenalty()(trace) == {}


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (LatentNorm, "latent_norm"),
        (lambda weight: DecoderNorm(nn.Linear(2, 2), weight=weight), "decoder_norm"),
        (GradientPenalty, "gradient_penalty"),
    ],
)
def test_weights_may_be_schedules_and_not_negative(build, name):
    torch.manual_seed(1)
    one = build(2.0)
    torch.manual_seed(1)
    other = build(LinearSchedule(4.0, steps=10))
    _, trace = linear_trace()
    terms = []
    for penalty in (one, other):
        torch.manual_seed(2)
        terms.append(penalty(trace, Progress(5))[name])
    assert terms[0] > 0
    assert torch.allclose(*terms)
    with pytest.raises(ValueError, match="weight must be a finite number of at least 0"):
        build(-1.0)


def deterministic_loss(model, x):
    """−log p(x|μ(x)) of the plain autoencoder, and its gradients."""
    reconstruction = model.decoder.net(model.encoder.net(x))
    loss = -Gaussian(reconstruction, SIGMA).log_prob(x).sum(1).mean()
    return loss, torch.autograd.grad(loss, list(model.parameters()))


def gap(scale):
    """Relative errors of loss and gradients against the deterministic autoencoder; the KL."""
    torch.manual_seed(0)
    model, x = autoencoder(scale), torch.randn(16, DATA_DIM)
    trace = model(x)
    terms = ELBO(beta=0.0)(trace)
    loss = sum(terms.values())
    ours = torch.autograd.grad(loss, list(model.parameters()))
    expected, theirs = deterministic_loss(model, x)
    errors = [((a - b).norm() / b.norm()).item() for a, b in zip(ours, theirs, strict=True)]
    return abs(loss - expected).item() / expected.item(), max(errors), trace.kl


def test_autoencoder_is_the_limit_of_a_narrow_posterior():
    loss, gradients, kl = gap(1e-6)
    assert loss < 1e-5
    assert gradients < 1e-5
    assert kl.isfinite().all()


def test_a_wider_posterior_is_no_autoencoder():
    """The comparison would see it."""
    loss, gradients, _ = gap(0.3)
    assert loss > 1e-3
    assert gradients > 1e-3
