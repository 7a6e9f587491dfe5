"""What single posterior heads do beyond the contract of all, which is in `test_contract`."""

import pytest
import torch
import zuko
from torch.distributions import RelaxedOneHotCategorical, kl_divergence

from tests.distributions.heads import D, flow_head
from vae.distributions import (
    CategoricalPosterior,
    ConstantNormalPosterior,
    FlowPosterior,
    GumbelSoftmax,
    NormalPosterior,
    draw,
)


def test_density_of_a_normal_is_reached_by_its_draws(double_precision):
    """The sample mean of log q is the negative entropy."""
    q = NormalPosterior(D)(torch.randn(1, 2 * D))
    log_q = q.log_prob(draw(q, 50_000)[0])
    z = (log_q.mean() + q.entropy()) / (log_q.std() / 50_000**0.5)
    assert z.abs() < 4


def test_flow_density_integrates_to_one(double_precision):
    flow = zuko.flows.NSF(1, 2, transforms=1, hidden_features=[8])
    q = FlowPosterior(1, flow=flow, context_dim=2)(torch.randn(1, 4))
    grid = torch.linspace(-30, 30, 60_001)
    density = q.log_prob(grid[:, None, None]).exp()[:, 0]
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-5)


def test_flow_posterior_depends_on_its_context(double_precision):
    head = flow_head()
    params = torch.randn(1, 2 * D + 4)
    other = params.clone()
    other[:, 2 * D :] += 1
    z = torch.randn(1, D)
    assert not torch.allclose(head(params).log_prob(z), head(other).log_prob(z))


def test_gumbel_softmax_is_the_concrete_density(double_precision):
    logits = torch.randn(6, 4)
    ours, theirs = (
        GumbelSoftmax(0.7, logits),
        RelaxedOneHotCategorical(torch.tensor(0.7), logits=logits),
    )
    z = ours.rsample((9,))
    assert torch.allclose(ours.log_prob(z), theirs.log_prob(z))


def test_gumbel_softmax_draws_categories_in_proportion(double_precision):
    logits = torch.tensor([0.0, 1.0, -1.0])
    z = GumbelSoftmax(0.1, logits).rsample((40_000,))
    share = torch.nn.functional.one_hot(z.argmax(-1), 3).double().mean(0)
    error = (logits.softmax(0) * (1 - logits.softmax(0)) / 40_000).sqrt()
    assert ((share - logits.softmax(0)) / error).abs().max() < 4


def test_categorical_is_exact_in_evaluation(double_precision):
    head = CategoricalPosterior(D, num_categories=4).eval()
    q = head(torch.randn(2, 12))
    z, _ = draw(q, 5)
    assert ((z == 0) | (z == 1)).all()
    uniform = head(torch.zeros(2, 12))
    probs = q.base_dist.probs
    exact = (probs * (probs / 0.25).log()).sum((-1, -2))
    assert torch.allclose(kl_divergence(q, uniform), exact)


def test_categorical_without_a_temperature_is_exact_in_training_too(double_precision):
    params = torch.randn(5, 4 * D, requires_grad=True)
    head = CategoricalPosterior(D, num_categories=4, temperature=None)
    for training in (True, False):
        q = head.train(training)(params)
        z, _ = draw(q, 7)
        assert z.shape == (7, 5, D, 4)
        assert not q.has_rsample
        assert not z.requires_grad
        assert ((z == 0) | (z == 1)).all()
        assert (z.sum(-1) == 1).all()
    log_probs = params.unflatten(-1, (D, 4)).log_softmax(-1)
    assert torch.allclose(q.log_prob(z), (z * log_probs).sum((-1, -2)))


def test_categorical_without_a_temperature_has_a_score(double_precision):
    params = torch.randn(5, 4 * D, requires_grad=True)
    q = CategoricalPosterior(D, num_categories=4, temperature=None)(params)
    q.log_prob(draw(q, 7)[0]).sum().backward()
    assert (params.grad != 0).all()


def test_constant_normal_has_one_width_and_no_parameters(double_precision):
    head = ConstantNormalPosterior(D, scale=0.3)
    params = torch.randn(5, D)
    q = head(params)
    assert head.param_shape == (D,)
    assert list(head.parameters()) == []
    assert torch.equal(q.mean, params)
    assert torch.allclose(q.stddev, torch.tensor(0.3))


def test_constant_normal_kl_is_finite_at_the_least_width(double_precision):
    q = ConstantNormalPosterior(D, scale=1e-6)(torch.zeros(2, D))
    kl = kl_divergence(q, NormalPosterior(D)(torch.zeros(2, 2 * D)))
    assert kl.isfinite().all()
    assert (kl > 10 * D).all()


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_is_checked(scale):
    with pytest.raises(ValueError, match="scale must be a finite number above 0"):
        ConstantNormalPosterior(D, scale=scale)


@pytest.mark.parametrize(
    "build",
    [
        lambda: NormalPosterior(0),
        lambda: NormalPosterior(-3),
        lambda: ConstantNormalPosterior(0),
        lambda: CategoricalPosterior(0, num_categories=3),
    ],
)
def test_latent_dim_starts_at_one(build):
    with pytest.raises(ValueError, match="latent_dim must be at least 1"):
        build()


def test_categories_and_temperature_are_checked():
    with pytest.raises(ValueError, match="num_categories"):
        CategoricalPosterior(2, num_categories=1)
    with pytest.raises(ValueError, match="temperature"):
        CategoricalPosterior(2, num_categories=3, temperature=0.0)
