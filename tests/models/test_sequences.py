"""Models of sequences: a linear chain's exact posterior, padding, lengths, masks, gradients."""

from itertools import pairwise
from math import sqrt

import pytest
import torch

from tests.compose import settings_of
from tests.models.state_space import SIGMA, A, C, Q, data, state_space
from vae.build import build_model
from vae.data import DataModule, Memory
from vae.distributions import Conditional
from vae.distributions.likelihoods import Normal as NormalHead
from vae.distributions.likelihoods.scale import LearnedScale
from vae.draws import FromPrior, Particles, Posterior, Replay
from vae.models.sequences.emission import Emission
from vae.networks import MLP
from vae.objectives import ELBO, FIVO, IWAE, BalancedELBO, DReG, Progress, StickTheLanding
from vae.spec import DataSpec
from vae.starting import start_at_data
from vae.stems import JoinedSteps, stem
from vae.training.step import measured

STEPS = 5
FIELDS = {"length": {"shape": (), "dtype": "int64"}, "mask": {"shape": (STEPS,), "dtype": "bool"}}
LENGTH = torch.tensor([5, 1, 3, 2])
NETS = ["model.features.hidden=[16]", "model.num_features=8"]
MODELS = {
    "dmm": ["model.transition_dim=5", "model.decoder.hidden=[4]"],
    "dmm_lstm_iaf": ["model=dmm", "model.rnn=lstm", "posterior=iaf", "model.decoder.hidden=[]"],
    "vrnn": NETS,
    "rnn_vae": [],
}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    own = MODELS[request.param]
    sizes = [f"model={request.param.split('_lstm')[0]}", "model.latent_dim=2", "model.rnn_dim=6"]
    spec = DataSpec("song", (STEPS, 3), "boolean", 2, fields=FIELDS)
    return build_model(settings_of(*sizes, *own), spec).double()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    x = torch.rand(4, STEPS, 3).round().double()
    return {"x": x, "length": LENGTH, "mask": torch.rand(4, STEPS) < 0.8}


def loss_and_gradient(model, batch):
    torch.manual_seed(2)
    loss = sum(ELBO(num_samples=2)(model(batch, num_samples=2)).values())
    return [loss, *torch.autograd.grad(loss, [*model.parameters()])]


def test_every_weight_is_log_p_at_the_exact_posterior():
    batch, exact = data()
    trace = state_space(6)(batch, num_samples=3)
    assert torch.allclose(trace.log_weight, exact.expand(3, -1), atol=1e-8)


def test_path_gradients_vanish_at_the_exact_posterior():
    batch, _ = data()
    for objective in (ELBO(estimator=StickTheLanding()), IWAE(num_samples=3, estimator=DReG())):
        model = state_space(6)
        sum(objective(model(batch, num_samples=objective.num_samples())).values()).backward()
        for parameter in model.posterior.parameters():
            assert parameter.grad.abs().max() < 1e-7


@pytest.mark.parametrize("threshold", [0.5, 1.0])
def test_the_filtering_bound(threshold):
    """Its exponential is an unbiased estimate of p(x), and it rises with the samples."""
    batch, exact = data(masked=False)
    one = {name: value[:1].expand(4000, *value.shape[1:]) for name, value in batch.items()}
    bounds = []
    for num_samples in (2, 8):
        torch.manual_seed(0)
        with torch.no_grad():
            found = bounds_of(state_space(6, wrong=0.3), one, num_samples, threshold)
        ratio = (found - exact[0]).exp()
        assert abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / sqrt(4000)
        bounds.append(found.mean().item())
    assert bounds[0] < bounds[1] < exact[0].item()


def test_the_filtering_bound_without_resampling_is_that_of_iwae():
    """At the exact posterior it is log p(x); of one sample it is so with resampling too."""
    batch, exact = data()
    for num_samples, threshold in ((3, 0.0), (1, 1.0)):
        terms = FIVO(num_samples=num_samples, threshold=threshold)(state_space(6)(batch))
        assert terms["fivo"].item() == pytest.approx(-exact.mean().item(), abs=1e-8)


def bounds_of(model, batch, num_samples, threshold):
    """The filtering bound of each example."""
    draws = Posterior(num_samples, likelihoods=False)
    draws.particles = Particles(threshold)
    return model.ran(batch, draws).particles.log_bound


def test_proposals_that_look_at_the_next_value_alone_are_the_best_of_a_filter():
    """Their weights do not depend on z_t, so that one step's bound is exact and a few are near."""
    batch, exact = data(masked=False)
    model = state_space(6, looks_ahead=False)
    with torch.no_grad():
        found = torch.stack([bounds_of(model, batch, 64, 1.0) for _ in range(30)])
        other = torch.stack(
            [bounds_of(state_space(6, wrong=0.3), batch, 64, 1.0) for _ in range(30)]
        )
    assert torch.allclose(found[:, 1], exact[1], atol=1e-8)
    assert (found.std(0) < 0.35).all()
    assert (found.std(0)[[0, 2]] < other.std(0)[[0, 2]]).all()


def test_iwae_rises_to_log_p():
    batch, exact = data()
    model = state_space(6, wrong=0.3)
    torch.manual_seed(0)
    estimates = [model.log_likelihood(batch, num_samples=k).mean() for k in (1, 30, 3000)]
    assert estimates[0] < estimates[1] < exact.mean() + 0.05
    assert estimates[2].item() == pytest.approx(exact.mean().item(), abs=0.05)


def test_what_stands_under_the_padding_or_the_mask_changes_no_bit(model, batch):
    known = batch["mask"] & (torch.arange(STEPS) < LENGTH[:, None])
    before = loss_and_gradient(model, batch)
    for rubbish in (torch.nan, 1e30):
        spoilt = torch.where(known[..., None], batch["x"], rubbish)
        for a, b in zip(before, loss_and_gradient(model, batch | {"x": spoilt}), strict=True):
            assert torch.equal(a, b)


def test_a_batch_is_its_sequences_one_by_one_whatever_their_padding(model, batch):
    whole = model(batch, num_samples=2)
    for i, length in enumerate(LENGTH.tolist()):
        one = {name: value[i : i + 1] for name, value in batch.items()}
        one = {name: v[:, :length] if v.dim() > 1 else v for name, v in one.items()}
        steps = whole.latents[:length]
        draws = Replay({latent.name: latent.z[:, i : i + 1] for latent in steps})
        alone = model.ran(one, draws).trace()
        for name in ("log_px", "log_p", "log_q"):
            found = getattr(alone, name)[:, 0]
            assert torch.allclose(found, getattr(whole, name)[:, i], atol=1e-9), name


def test_steps_that_are_padding_in_all_of_a_batch_cost_nothing(model, batch):
    batch["length"], found = batch["length"].clamp(max=3), []
    short = {name: v[:, :3] if v.dim() > 1 else v for name, v in batch.items()}
    for each in (batch, short):
        torch.manual_seed(0)
        trace, terms, _ = measured(model, ELBO(), each, Progress(0))
        assert trace.px.mean.shape[2:4] == (3, 3)
        found.append(terms)
    assert found[0] == found[1]


def test_the_steps_together_are_the_sum_of_each(model, batch):
    trace = model(batch, num_samples=2)
    for name in ("log_q", "log_p", "kl"):
        each = sum(getattr(latent, name) for latent in trace.latents)
        assert torch.allclose(getattr(trace, name), each, atol=1e-10), name
    names = {stem(latent.name) for latent in trace.latents}
    assert names == {"z"}
    if len(trace.latents) > 1 and trace.latents[0].known_log_q is None:
        assert isinstance(trace.chains[0], JoinedSteps)  # and were computed so


def test_a_prior_that_is_made_for_all_steps_is_that_of_each():
    batch, _ = data()
    model = state_space(6, wrong=0.1)
    trace = model(batch, num_samples=2)
    for before, latent in pairwise(trace.latents):
        assert torch.equal(latent.p.mean, model.transition(before.z).mean)


def test_a_learned_scale_starts_at_the_known_steps():
    batch, _ = data()
    head = NormalHead((3,), scale=LearnedScale())
    emission = Emission(Conditional(MLP((2,), (3,), hidden=()), head), ("length", "mask"))
    emission.initialize(lambda n, field="x": batch[field][:n])
    known = batch["mask"].all(2) & (torch.arange(6) < batch["length"][:, None])
    x = batch["x"][known]
    start = emission(torch.zeros(1, 1, 1, 2))
    assert torch.allclose(start.mean[0, 0, 0].double(), x.mean(0), atol=1e-5)
    width = (x - x.mean(0)).square().mean().sqrt()
    assert start.stddev.flatten()[0].item() == pytest.approx(width.item(), rel=1e-4)


def test_a_chain_of_one_step_is_trained_by_a_balanced_bound():
    settings = settings_of("model=dmm", "model.rnn_dim=6", "likelihood=normal")
    made = build_model(settings, DataSpec("one", (1, 2), "real"))
    terms = BalancedELBO(free_nats=0)(made({"x": torch.randn(4, 1, 2)}))
    assert all(term.isfinite() for term in terms.values())


def test_a_scale_starts_where_no_step_is_known_as_a_whole():
    x = torch.randn(30, 4, 9)
    fields = {"x": x, "length": torch.full((30,), 4), "mask": torch.arange(9).expand(30, 4, 9) > 0}
    source = DataModule(Memory(fields), val_size=3, test_size=3)
    made = build_model(settings_of("model=vrnn", "likelihood=normal_learned"), source.spec)
    start_at_data(made, source)
    assert all(value.isfinite().all() for value in made.state_dict().values())


def test_every_parameter_has_a_gradient(model, batch):
    for parameter in loss_and_gradient(model.train(), batch)[1:]:
        assert parameter.abs().sum() > 0


def test_what_is_made_has_the_shapes_that_were_asked_for(model, batch):
    model.eval()
    event = (STEPS, 3)
    assert model.sample(6).shape == model.sample(6, temperature=0.5).shape == (6, *event)
    assert model.sample(2, given={"length": torch.tensor([2, 5])}).shape == (2, *event)
    assert model.reconstruct(batch).shape == batch["x"].shape
    assert model.log_likelihood(batch, num_samples=3).isfinite().all()
    later = model.continued(batch, 2, num_samples=3)
    assert later.shape == (3, 4, 2, 3)
    assert ((later == 0) | (later == 1)).all()
    short = {name: value[:, :3] if value.dim() > 1 else value for name, value in batch.items()}
    with pytest.raises(ValueError, match=r"lengths must lie in 1 to 3, the steps of x; got 1 to 5"):
        model.reconstruct(short)
    with pytest.raises(ValueError, match=r"x has shape \(4, 5, 2\); this model takes \(B, T, 3\)"):
        model.reconstruct(batch | {"x": batch["x"][..., :2]})


def test_what_follows_a_linear_chain_is_its_prediction():
    """At the exact posterior the next step has the mean and width of the filter's prediction."""
    batch, _ = data(masked=False)
    model = state_space(6)
    torch.manual_seed(0)
    found = model.continued(batch, 1, num_samples=20_000)[:, 1, 0]  # after a sequence of one step
    precision = torch.diag(1 / Q) + C.T @ C / SIGMA**2
    covariance = torch.linalg.inv(precision)
    z = covariance @ C.T @ batch["x"][1, 0] / SIGMA**2
    spread = C @ (A @ covariance @ A.T + torch.diag(Q)) @ C.T + SIGMA**2 * torch.eye(3)
    error = (found.mean(0) - C @ A @ z).abs() / (spread.diagonal() / 20_000).sqrt()
    assert (error < 4).all()
    assert torch.allclose(torch.cov(found.T), spread, atol=0.05)


def test_a_vrnn_goes_on_with_what_it_drew():
    """The likelihood of its samples is that of the values that it fed back."""
    torch.manual_seed(0)
    spec = DataSpec("song", (STEPS, 3), "boolean", 2)
    sizes = ["model=vrnn", "model.latent_dim=2", "model.rnn_dim=6", *NETS]
    model = build_model(settings_of(*sizes), spec).double().eval()
    drawn = model.ran({}, FromPrior(7))
    x, px = drawn.observed["x"].x, drawn.observed["x"].px
    z = {name: latent.z for name, latent in drawn.latents.items()}
    again = model.ran({"x": x[0]}, Replay(z)).observed["x"].px
    assert torch.allclose(px.base_dist.logits, again.base_dist.logits, atol=1e-10)


def test_what_cannot_be_is_refused_in_a_sentence():
    flat = DataSpec("flat", (6,), "boolean", 2)
    with pytest.raises(ValueError, match=r"of sequences \(T, ...\); data flat have .* \(6,\)"):
        build_model(settings_of("model=vrnn"), flat)
    with pytest.raises(ValueError, match="data digits of shape .* are taken for pictures: use"):
        build_model(settings_of("model=vrnn"), DataSpec("digits", (1, 8, 8), "boolean", 2))
    spec = DataSpec("song", (STEPS, 3), "boolean", 2)
    categories = ["posterior=categorical", "prior=uniform_categorical"]
    with pytest.raises(ValueError, match="CategoricalPosterior has others: use posterior=normal"):
        build_model(settings_of("model=dmm", *categories), spec)
    model = build_model(settings_of("model=rnn_vae", "model.latent_dim=2"), spec)
    with pytest.raises(ValueError, match="no state from step to step.* Use model=vrnn or"):
        FIVO()(model(torch.zeros(2, STEPS, 3)))


@pytest.mark.peers
def test_log_p_is_that_of_pyro():
    import pyro.distributions as dist

    batch, exact = data(masked=False)
    normal = dist.MultivariateNormal
    zeros, eye = torch.zeros(3).double(), torch.eye(3).double()
    hmm = dist.GaussianHMM(
        normal(zeros[:2], 1e-8 * eye[:2, :2]),
        A.T,
        normal(zeros[:2], torch.diag(Q)),
        C.T,
        normal(zeros, SIGMA**2 * eye),
        duration=6,
    )
    trace = state_space(6)(batch)
    theirs = hmm.log_prob(batch["x"][0])
    assert exact[0].item() == pytest.approx(theirs.item(), abs=1e-6)
    assert trace.log_weight[0, 0].item() == pytest.approx(theirs.item(), abs=1e-6)
