"""One contract for every prior p(z|y); that of a choice which learns something needs no entry."""

from functools import cache, partial

import numpy as np
import pytest
import torch
from torch.distributions import Normal, constraints

from tests.compose import settings_of
from tests.distributions import heads
from vae.build import build_model
from vae.cli.compose import choices
from vae.data import Array, DataModule, DataSpec
from vae.distributions import soft_bound
from vae.draws import FromPrior, Posterior
from vae.priors import ExemplarPrior, FlowPrior, VampPrior
from vae.priors.stated import FITTING
from vae.starting import start_at_data
from vae.supports import ProductSpace, same_support, unit_sphere

FIXED = {
    "standard_normal": "normal",
    "uniform_sphere": "von_mises_fisher",
    "uniform_categorical": "categorical",
    "uniform_bernoulli": "bernoulli",
    "joint": "joint_learned",
}
CONDITIONAL = sorted({*choices("prior")} - {*FIXED})
DIGITS = DataSpec("digits", (6,), "boolean", 2, num_classes=4)
GIVEN = ["model=mlp", "model.encoder.hidden=[8]", "model.condition=[label]"]
SMALL = {
    "vamp": ["prior.num_components=12"],
    "exemplar": ["prior.num_exemplars=12"],
    "nsf": ["prior.transforms=2", "prior.hidden_features=[8]"],
    "maf": ["prior.transforms=2", "prior.hidden_features=[8]"],
    "two_stage": ["prior.hidden=[8]"],
    "joint_learned": ["posterior.parts.c.num_categories=4"],
}
SIDE_BY_SIDE = ProductSpace({"z": constraints.real, "c": constraints.one_hot})


def over_both(dim):
    """Return points and weights of so many reals beside one of four categories."""
    z, weights = heads.over_reals(dim, step=0.05)
    c, _ = heads.over_categories(1)
    rows = torch.cartesian_prod(torch.arange(len(z)), torch.arange(len(c)))
    return torch.cat([z[rows[:, 0]], c[rows[:, 1]].flatten(1)], -1), weights[rows[:, 0]]


NODES = (  # of each space: where a sum over it stands, and the number of latents
    (constraints.real, partial(heads.over_reals, step=0.05), 2),
    (constraints.one_hot, heads.over_categories, 2),
    (constraints.boolean, heads.over_bits, 2),
    (unit_sphere, heads.over_sphere, 3),
    (constraints.nonnegative, heads.over_positive, 2),
    (constraints.unit_interval, heads.over_unit_intervals, 2),
    (constraints.simplex, heads.over_shares, 3),
    (SIDE_BY_SIDE, over_both, 1),
)
LABELS = torch.tensor([0, 3, 1])


def space_of(name):
    """Return nodes, a number of latents and the posteriors of the space of a prior."""
    support, _, posteriors, _ = next(row for row in FITTING if name in (*row[3], "vamp"))
    nodes, dim = next(row[1:] for row in NODES if same_support(row[0], support))
    return nodes, dim, posteriors


@cache
def settings_for(name, *more):
    _, dim, (posterior, *_) = space_of(name)
    own = [
        f"prior={name}",
        "prior.conditional=true",
        f"model.latent_dim={dim}",
        *SMALL.get(name, []),
    ]
    own += [f"posterior={posterior}"]
    own += ["posterior.num_categories=4"] if posterior == "categorical" else []
    return settings_of(*GIVEN, *own, *more)


def model_of(name, *more):
    """A model whose prior p(z|y) knows its examples, twelve of four classes."""
    torch.manual_seed(0)
    model = build_model(settings_for(name, *more), DIGITS)
    start(model.prior)
    return model


def start(prior):
    x, label = torch.rand(12, 6).round(), torch.arange(12) % 4
    if isinstance(prior, VampPrior):
        prior.initialize(lambda n, field="x": {"x": x, "label": label}[field][:n])


@pytest.fixture(params=CONDITIONAL)
def name(request, double_precision):
    return request.param


def moved(model):
    """The model in evaluation, with a prior that is another one of each class."""
    spread = 0.1 if isinstance(model.prior, FlowPrior) else 0.3  # of whose kinks sums know less
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
    return model.eval()


def test_it_has_a_density_of_each_class(name):
    prior = moved(model_of(name)).prior
    p = prior(LABELS)
    assert (p.batch_shape, p.event_shape) == ((3,), prior.event_shape)
    z = p.sample((7,))
    assert z.shape == (7, 3, *prior.event_shape)
    assert name == "joint_learned" or prior.support.check(z).all()
    assert torch.allclose(p.log_prob(z)[:, 1:2], prior(LABELS[1:2]).log_prob(z[:, 1:2]))
    assert torch.allclose(p.expand((2, 3)).log_prob(z.unsqueeze(1))[:, 1], p.log_prob(z))
    if name == "two_stage":  # whose density is estimated: see test_two_stage.py
        return
    nodes, dim, _ = space_of(name)
    points, weights = nodes(dim)
    with torch.no_grad():
        masses = weights @ p.log_prob(points.unsqueeze(1)).exp()
    assert torch.allclose(masses, torch.ones(3), atol=3e-3)


def test_classes_part_in_one_step(name):
    model = model_of(name)
    prior, optimizer = model.prior, torch.optim.SGD(model.parameters(), 0.05)
    label = torch.arange(20) % 4
    with torch.no_grad():
        z = prior(label).sample()
    (-prior(label).log_prob(z) * (1.0 + label)).mean().backward()
    for part, parameter in prior.named_parameters():
        assert parameter.grad.isfinite().all(), part
        assert parameter.grad.any(), part
    optimizer.step()
    each = prior(torch.arange(4)).log_prob(z[:5].unsqueeze(1))
    assert (each.std(1) > 1e-6).all()


def test_its_divergence_from_every_fitting_posterior_is_finite(name):
    prior = model_of(name).prior
    for case in heads.HEADS.values():
        head = case(prior.event_shape[0]).train(case.training)
        if head.event_shape != prior.event_shape or not same_support(head.support, prior.support):
            continue
        draws = Posterior(2)
        q = head(0.5 * torch.randn(3, *head.param_shape))
        draws.latent("z", q=lambda q=q: q, p=prior.train(case.training)(LABELS))
        (latent,) = draws.trace().latents
        assert latent.kl.shape == (2, 3)
        assert latent.kl.isfinite().all()


def test_samples_of_a_class_are_those_of_its_density(name):
    model = moved(model_of(name))
    draws = FromPrior(3000)
    model.run({"label": torch.full((3000,), 3)}, draws)
    ours = torch.cat([latent.z[0].flatten(1) for latent in draws.latents.values()], 1)
    theirs = model.prior(torch.tensor([3])).sample((3000,)).flatten(1)
    for values in (ours.clamp(-9, 9), theirs.clamp(-9, 9)):
        assert values.shape == (3000, ours.shape[1])
    apart = ours.clamp(-9, 9).mean(0) - theirs.clamp(-9, 9).mean(0)
    error = (2 / 3000) ** 0.5 * theirs.clamp(-9, 9).std(0)
    assert (apart.abs() < 5 * error + 1e-9).all()
    assert model.sample(2, given={"label": 3}).shape == (2, 6)


def test_it_is_kept_in_the_weights_alone(name):
    model, other = moved(model_of(name)), model_of(name).eval()
    start(other.prior)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(model.state_dict())
    z = model.prior(LABELS).sample()
    assert torch.equal(model.prior(LABELS).log_prob(z), other.prior(LABELS).log_prob(z))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", sorted({*CONDITIONAL} - {*SMALL} | {"joint_learned"}))
def test_it_starts_as_the_prior_that_is_the_same_for_all(name):
    model, plain = model_of(name).eval(), model_of(name, "prior.conditional=false").eval()
    z = plain.prior().sample((50,))
    assert torch.equal(model.prior(LABELS).log_prob(z[:, None])[:, 0], plain.prior().log_prob(z))


@pytest.mark.parametrize("name", FIXED)
def test_what_learns_nothing_names_what_does(name):
    told = f"prior: .* use prior={FIXED[name]} prior.conditional=true"
    overrides = [*GIVEN, f"prior={name}", "prior.conditional=true"]
    posterior = "joint" if name == "joint" else "normal"
    with pytest.raises(ValueError, match=told):
        build_model(settings_of(*overrides, f"posterior={posterior}"), DIGITS)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_it_needs_a_condition(name):
    overrides = ["model=mlp", f"prior={name}", "prior.conditional=true"]
    posterior = space_of(name)[2][0]
    with pytest.raises(ValueError, match=r"prior\S*: .* use model.condition=\[label\]"):
        build_model(settings_of(*overrides, f"posterior={posterior}"), DIGITS)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", ["vamp", "exemplar"])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_mixture_of_codes_is_the_sum_that_it_says(name, conditional):
    model = model_of(name, f"prior.conditional={conditional}")
    prior, z, label = moved(model).prior, torch.randn(5, 2), torch.arange(12) % 4
    q = model.encoder(prior.pseudo_inputs, label).base_dist
    scale = q.scale
    if name == "exemplar":
        scale = torch.full_like(scale, soft_bound(prior.raw_scale, -7.0, 5.0).exp().item())
    each = Normal(q.loc, scale).log_prob(z[:, None]).sum(-1).exp()
    for y in range(4):
        weights, p = torch.ones(12), prior(torch.tensor([y])) if conditional else prior()
        if conditional:  # the features of another class differ by one in two places
            rate = soft_bound(prior.fields.raw_precision, -7.0, 5.0).exp()
            weights = torch.where(label == y, 1.0, (-0.5 * (rate[y] + rate[label])).exp())
        assert torch.allclose(p.log_prob(z).exp(), each @ weights / weights.sum())


@pytest.mark.parametrize("name", ["vamp", "exemplar"])
def test_examples_keep_their_own_labels(name, tmp_path):
    """Where the training examples are read in a random order."""
    label = np.arange(60) % 4
    np.savez(tmp_path / "x.npz", x=np.eye(6, dtype=np.float32)[label], labels=label)
    model = model_of(name)
    start_at_data(model, DataModule(Array(tmp_path / "x.npz"), batch_size=16))
    kept = model.prior.fields.values()[0]
    assert torch.equal(model.prior.pseudo_inputs.argmax(1), kept)
    assert len(kept.unique()) > 1


def test_exemplars_are_training_examples_and_stay():
    model = model_of("exemplar")
    x = torch.rand(5, 6).round()
    kept = {"x": x, "label": torch.arange(5) % 4}
    model.prior.initialize(lambda n, field="x": kept[field][:n])
    rows = torch.arange(12) % 5  # there are fewer than it holds
    assert torch.equal(model.prior.pseudo_inputs, x[rows])
    assert torch.equal(model.prior.fields.values()[0], rows % 4)
    assert "free_inputs" not in dict(model.prior.named_parameters())
    assert isinstance(model.prior, ExemplarPrior)
