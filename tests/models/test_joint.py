"""Continuous and categorical latents together: two latents, of which everything is exact."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, kl_divergence

from tests.evaluation.subjects import subject_of
from tests.steps import BINARY, MLP, composed, examples, step
from vae.build import build_model
from vae.distributions import (
    CategoricalPosterior,
    Conditional,
    FixedScale,
    JointPosterior,
    Normal,
    NormalPosterior,
    ProductDistribution,
)
from vae.draws import Replay
from vae.evaluation import Bound, LatentSpace, Traversals, measure
from vae.models import VAE
from vae.priors import JointPrior, StandardNormal, UniformCategorical, VampPrior

C, SIGMA = 3, 0.7


def latents(temperature=None, num_categories=C):
    """Return posterior and prior of one number beside one category."""
    categories = {"num_categories": num_categories, "temperature": temperature}
    posterior = JointPosterior(
        {"z": NormalPosterior(1), "c": CategoricalPosterior(1, **categories)}
    )
    c = UniformCategorical((1, num_categories), temperature=temperature)
    return posterior, JointPrior({"z": StandardNormal((1,)), "c": c})


def tiny(temperature=None):
    """Return a VAE of x in two dimensions, linear in z and with a mean of x for each c."""
    posterior, prior = latents(temperature)
    encoder = Conditional(nn.Linear(2, *posterior.param_shape), posterior)
    decoder = Conditional(nn.Linear(1 + C, 2), Normal((2,), scale=FixedScale(SIGMA)))
    return VAE(encoder, decoder, prior).eval()


def exact_kl(params):
    """Return KL of z and of c to their priors by their formulas, ``(B,)`` each."""
    q = NormalPosterior(1)(params[:, :2]).base_dist
    variance = q.stddev.square()
    of_z = (variance + q.mean.square() - 1 - variance.log()).sum(-1) / 2
    log_p = params[:, 2:].log_softmax(-1)
    return of_z, (log_p.exp() * (log_p + math.log(C))).sum(-1)


@pytest.mark.usefixtures("double_precision")
def test_the_divergence_is_the_sum_of_both():
    model, x = tiny(), torch.randn(5, 2)
    trace = model(x)
    of_z, of_c = exact_kl(model.encoder.net(x))
    assert [latent.name for latent in trace.latents] == ["z", "c"]
    assert torch.allclose(trace["z"].kl[0], of_z)
    assert torch.allclose(trace["c"].kl[0], of_c)
    assert torch.allclose(trace.kl[0], of_z + of_c)
    assert torch.allclose(kl_divergence(model.encoder(x), model.prior()), of_z + of_c)


@pytest.mark.usefixtures("double_precision")
def test_the_bound_enumerated_is_the_exact_one():
    """Over c a sum, over z that of Gauss: of a quadratic in z it is exact from two nodes on."""
    model, x = tiny(), torch.randn(4, 2)
    params = model.encoder.net(x)
    q = model.encoder(x)
    mean, deviation = q.parts["z"].mean, q.parts["z"].base_dist.stddev
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(4))
    pairs = torch.cartesian_prod(torch.arange(4), torch.arange(C))
    z = mean + deviation * nodes[pairs[:, 0], None, None]
    c = torch.eye(C)[pairs[:, 1], None, None].expand(-1, 4, 1, C)
    trace = model(x, Replay({"z": z, "c": c}))
    chances = params[:, 2:].softmax(-1)
    each = weights[pairs[:, 0], None] / weights.sum() * chances[:, pairs[:, 1]].T
    of_z, of_c = exact_kl(params)
    w_z, w_c = model.decoder.net.weight.split([1, C], 1)
    missed = (x - model.decoder.net.bias - mean @ w_z.T)[:, None] - w_c.T  # (B, C, 2)
    quadratic = missed.square().sum(-1) + (deviation @ w_z.T).square().sum(-1, keepdim=True)
    log_px = -quadratic / (2 * SIGMA**2) - math.log(2 * math.pi * SIGMA**2)
    exact = (chances * log_px).sum(-1) - of_z - of_c
    assert torch.allclose((each * trace.log_weight).sum(0), exact)
    assert torch.allclose((each * trace.elbo).sum(0), exact)


@pytest.mark.usefixtures("double_precision")
def test_importance_sampling_rises_to_the_exact_likelihood():
    model, x = tiny(), torch.randn(4, 2)
    for net in (model.encoder.net, model.decoder.net):  # or q is far from p(z|x)
        net.weight.data *= 0.3
    model.encoder.net.bias.data.zero_()
    w_z, w_c = model.decoder.net.weight.detach().split([1, C], 1)
    cov = w_z @ w_z.T + SIGMA**2 * torch.eye(2)
    each = MultivariateNormal(model.decoder.net.bias.detach() + w_c.T, cov).log_prob(x[:, None])
    exact = each.logsumexp(-1) - math.log(C)
    log_w = model.log_weights(x, num_samples=20_000)
    error = (log_w - exact).exp().std(0) / len(log_w) ** 0.5
    assert (((log_w - exact).exp().mean(0) - 1).abs() < 4 * error).all()
    assert error.max() < 0.1
    assert torch.allclose(model.log_likelihood(x, num_samples=20_000), exact, atol=0.2)


@pytest.mark.usefixtures("double_precision")
def test_the_product_is_a_distribution_over_vectors():
    """Its mass is one, and its draws have the moments of the parts."""
    posterior, _ = latents()
    q = posterior(torch.randn(6, 2 + C))
    z = torch.arange(-40, 40, 0.05)
    pairs = torch.cartesian_prod(torch.arange(len(z)), torch.arange(C))
    points = torch.cat([z[pairs[:, :1]], torch.eye(C)[pairs[:, 1]]], -1)
    mass = q.log_prob(points[:, None]).exp().sum(0) * 0.05
    assert torch.allclose(mass, torch.ones(6), atol=1e-6)
    draws = q.sample((20_000,))
    assert draws.shape == (20_000, 6, 1 + C)
    error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - q.mean).abs() < 5 * error + 1e-9).all()
    assert torch.allclose(q.expand((2, 6)).log_prob(draws[:, None]), q.log_prob(draws)[:, None])


def test_relaxed_categories_carry_gradients_to_both_parts():
    model = tiny(temperature=0.67).train()
    model(torch.randn(8, 2)).elbo.mean().backward()
    assert (model.encoder.net.weight.grad.abs().sum(1) > 0).all()


def test_a_user_reaches_each_latent_by_name():
    model = build_model(composed(*MLP, "posterior=joint"), BINARY).eval()
    x = examples(BINARY, 6)
    assert {name: q.event_shape for name, q in model.encode(x).items()} == {
        "z": (4,),
        "c": (1, 10),
    }
    codes = model.embed(x)
    c = torch.eye(10)[torch.full((1, 6, 1), 3)]
    assert model.decode({"z": codes["z"][None], "c": c}).mean.shape == (1, 6, *BINARY.shape)
    assert model.sample(5).shape == model.reconstruct(x[:5]).shape == (5, *BINARY.shape)
    drawn = model.sample_latents(50)["c"]
    assert drawn.sum(-1).eq(1).all()
    assert drawn.eq(1).any(-1).all()


def test_a_report_shows_both():
    """Its KL by latent, the values of c as a row, and each latent beside its prior."""
    model = build_model(composed(*MLP, "posterior=joint"), BINARY)
    sections = {
        "bound": Bound(5),
        "latent_space": LatentSpace(num_points=10),
        "traversals": Traversals(starts=1, steps=10, movie="none"),
    }
    found = measure(subject_of(model, examples(BINARY, 20), support="boolean"), sections).sections
    space = found["latent_space"]
    rows = space.tables["latent variables"]
    assert [row["latent"] for row in rows] == ["z", "c"]
    assert sum(row["KL (nats)"] for row in rows) == pytest.approx(space.figures["kl"].value)
    for name in ("z", "c"):
        assert f"prior and aggregate posterior of {name}" in space.pictures
    (traversal,) = found["traversals"].pictures.values()
    labels = [row.split("\n")[0] for row in traversal.rows]
    assert sorted(labels) == ["c[0]", *(f"z[{i}]" for i in range(4))]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ("posterior=joint prior=standard_normal", "Use posterior=joint with prior=joint or"),
        ("posterior=normal prior=joint", "or posterior=joint with prior=joint or"),
        ("posterior=joint prior=vamp", "VampPrior has no parts"),
        ("posterior=joint objective=enumerated_elbo", "z cannot be enumerated"),
        ("posterior=joint penalty=capacity penalties.capacity.latent=d", "it has z, c"),
    ],
)
def test_what_does_not_fit_is_refused(chosen, words):
    with pytest.raises(ValueError, match=words):
        step([*MLP, *chosen.split()])


def test_parts_that_are_none_are_refused():
    with pytest.raises(ValueError, match="two latents or more; got z"):
        JointPosterior({"z": NormalPosterior(1)})
    _, prior = latents(num_categories=4)
    with pytest.raises(ValueError, match="have latents of the shapes"):
        VAE(tiny().encoder, tiny().decoder, prior)
    vamp = VampPrior(tiny().encoder, (2,), "real", num_components=2)
    with pytest.raises(ValueError, match="parts.z must be a prior that says"):
        JointPrior({"z": Unstated((1,))})
    with pytest.raises(ValueError, match="has no parts"):
        VAE(tiny().encoder, tiny().decoder, vamp)


class Unstated(StandardNormal):
    support = None


def test_one_part_alone_may_be_conditional():
    """Of p(z) p(c|y), with y among the fields of the batch."""
    spec = replace(BINARY, num_classes=2)
    words = ["posterior=joint", "prior=joint_learned", "prior.parts.c.conditional=true"]
    model = build_model(composed(*MLP, *words, "model.condition=[label]"), spec).eval()
    model.prior.parts["c"].shifts.weight.data.normal_()
    label = torch.tensor([0, 1, 1])
    trace = model({"x": examples(spec, 3), "label": label})
    z, c = (latent.p for latent in trace.latents)
    assert (z.batch_shape, c.batch_shape) == ((), (3,))
    logits = model.prior.parts["c"].shifts.weight[:, label].T
    value = model.sample_latents(3, given={"label": label})
    assert torch.allclose(c.base_dist.logits[:, 0], logits.log_softmax(-1))
    together = torch.cat([value["z"], value["c"].flatten(1)], -1)
    exact = z.log_prob(value["z"]) + (logits.log_softmax(-1) * value["c"][:, 0]).sum(-1)
    assert torch.allclose(model.prior(label).log_prob(together), exact)


def test_divergence_of_other_parts_is_not_made_up():
    q = latents()[0](torch.zeros(1, 2 + C))
    other = ProductDistribution({"z": q.parts["z"], "d": q.parts["c"]})
    with pytest.raises(NotImplementedError):
        kl_divergence(q, other)
