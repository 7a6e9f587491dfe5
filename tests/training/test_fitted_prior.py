"""A prior that is fitted with all else held, where the aggregate posterior is known."""

import pytest
import torch

from tests.linear_gaussian import LinearGaussian
from vae.models import VAE
from vae.objectives import ELBO
from vae.priors import LearnedNormal, MixturePrior
from vae.priors.clusters import find_clusters
from vae.training import VAEModule
from vae.training.fitted_prior import hold_all_but_prior

pytestmark = pytest.mark.usefixtures("double_precision")


def with_prior(gold, prior):
    """Return the linear-Gaussian model with another prior, to be fitted."""
    model = gold.factorised()
    model = VAE(model.encoder, model.decoder, prior)
    hold_all_but_prior(model)
    return model


def test_a_fitted_normal_is_the_aggregate_posterior_and_the_elbo_rises_by_its_divergence():
    """Of data elsewhere than the model has them: KL(q̄ ‖ N(0, I)) − KL(q̄ ‖ N(m, s²)) is known."""
    gold = LinearGaussian()
    x = 1.5 * gold.marginal.sample((200,)) + 2
    model = with_prior(gold, LearnedNormal((gold.latent_dim,)))
    module = VAEModule(model, ELBO(), optimizer=torch.optim.LBFGS)
    (optimizer,) = module.make_optimizers()

    def loss():
        optimizer.zero_grad()
        kl = model(x).kl.mean()  # a closed form: no noise
        kl.backward()
        return kl

    before = loss().item()
    for _ in range(20):
        optimizer.step(loss)
    q, p = model.encoder(x), model.prior()
    m = q.mean.mean(0)
    s2 = q.variance.mean(0) + q.mean.var(0, correction=0)
    assert torch.allclose(p.mean, m, rtol=0, atol=1e-4)
    assert torch.allclose(p.variance, s2, rtol=1e-4)
    divergence = 0.5 * (s2 + m.square() - 1 - s2.log()).sum()
    assert before - loss().item() == pytest.approx(divergence.item(), abs=1e-6)
    assert divergence > 1


def test_the_start_of_a_normal_is_where_it_ends():
    codes = torch.randn(500, 2) * torch.tensor([0.01, 30.0]) + torch.tensor([5.0, -100.0])
    prior = LearnedNormal((2,))
    prior.start_at_codes(codes)
    assert torch.allclose(prior().mean, codes.mean(0))
    assert torch.allclose(prior().stddev, codes.std(0))


def test_a_mixture_starts_at_the_clusters():
    true = torch.tensor([[0.0, 8.0], [8.0, 0.0], [-8.0, -8.0]])
    codes = torch.cat([true[0] + torch.randn(600, 2), true[1] + 0.1 * torch.randn(300, 2)])
    codes = torch.cat([codes, true[2] + 0.5 * torch.randn(100, 2)])
    prior = MixturePrior((2,), num_components=3)
    prior.start_at_codes(codes)
    for i, (share, scale) in enumerate([(0.6, 1.0), (0.3, 0.1), (0.1, 0.5)]):
        nearest = (prior.loc - true[i]).norm(dim=1).argmin()
        p = prior()
        assert (prior.loc[nearest] - true[i]).norm() < 0.3
        assert p.weights[nearest].item() == pytest.approx(share, abs=0.01)
        assert torch.allclose(p.log_scale[nearest].exp(), torch.tensor(scale), rtol=0.2)


def test_clusters_have_widths_where_there_are_few_points():
    """Of a point alone no width is known: it is given that within all clusters."""
    points = torch.randn(60, 2)
    found = find_clusters(points, 50)
    assert found.share.sum().item() == pytest.approx(1)
    assert found.variance.min() > 1e-3
    prior = MixturePrior((2,), num_components=5)
    prior.start_at_codes(torch.zeros(6, 2))
    assert prior().log_prob(torch.zeros(6, 2)).isfinite().all()
    with pytest.raises(ValueError, match=r"starts at more codes than the 60 .*num_components"):
        find_clusters(points, 60)


def test_only_the_prior_learns():
    gold = LinearGaussian()
    model = with_prior(gold, MixturePrior((gold.latent_dim,), num_components=3))
    module = VAEModule(model, ELBO(), optimizer=torch.optim.AdamW)
    (optimizer,) = module.make_optimizers()
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert trained == {id(p) for p in model.prior.parameters()}
    sum(ELBO()(model(gold.marginal.sample((9,)))).values()).backward()
    assert all(p.grad is None for part in (model.encoder, model.decoder) for p in part.parameters())
    assert all((p.grad != 0).any() for p in model.prior.parameters())
    assert not any(part.training for part in (model, *model.encoder.modules()))
    assert model.prior.training
