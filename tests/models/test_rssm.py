"""Worlds: episodes that begin anew, a linear-Gaussian one whose evidence is known, and samples."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.compose import settings_of
from tests.models.linear_world import SEEN, A, B, linear_world
from vae.build import build_model, check_parts
from vae.data import DataModule, Memory
from vae.draws import Replay
from vae.objectives import ELBO, Progress
from vae.spec import DataSpec
from vae.starting import start_at_data
from vae.training.step import measured

STEPS = 6
FIELDS = {
    "action": {"shape": (STEPS, 2), "dtype": "float32"},
    "reset": {"shape": (STEPS,), "dtype": "bool"},
    "length": {"shape": (), "dtype": "int64"},
}
SPEC = DataSpec("world", (STEPS, 1, 8, 8), "boolean", 2, fields=FIELDS)
SMALL = ["model.latent_dim=3", "model.state_dim=7", "model.hidden_dim=9"]
KINDS = {
    "normal": ["model=rssm", "model.encoder.hidden=[8]"],
    "categorical": [
        *("model=rssm_conv", "model.encoder.hidden=[8]", "model.encoder.channels=[4]"),
        *("posterior=categorical", "posterior.num_categories=4"),
    ],
}


@pytest.fixture(params=KINDS)
def model(request):
    torch.manual_seed(0)
    made = build_model(settings_of(*KINDS[request.param], *SMALL), SPEC)
    check_parts(made, ELBO(), SPEC)
    return made.double()


def batch_of(count=5):
    torch.manual_seed(1)
    return {
        "x": torch.rand(count, *SPEC.shape).round().double(),
        "action": torch.randn(count, STEPS, 2),
        "reset": torch.zeros(count, STEPS, dtype=torch.bool),
        "length": torch.full((count,), STEPS),
    }


def test_every_parameter_has_a_gradient(model):
    model(batch_of()).elbo.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_an_episode_that_begins_is_a_fresh_sequence_to_the_bit(model):
    """Whatever came before it, and wherever in the sequence it begins."""
    model.eval()
    whole, start = batch_of(), 2
    fresh = {name: v[:, start:] for name, v in whole.items() if name != "length"}
    whole["reset"][:, start] = True
    first = model(whole)
    draws = {latent.name: latent.z for latent in first.latents}
    later = {f"z.{t}": draws[f"z.{t + start}"] for t in range(STEPS - start)}
    again = model(fresh, Replay(later))
    for t, latent in enumerate(again.latents):
        other = first[f"z.{t + start}"]
        assert torch.equal(latent.log_q, other.log_q)
        assert torch.equal(latent.log_p, other.log_p)
    means = [trace.px.mean[:, :, -(STEPS - start) :] for trace in (first, again)]
    assert torch.allclose(*means, atol=1e-14)  # products of more rows round in another order
    del whole["reset"]
    model.ran(whole, other := Replay(draws))
    assert not torch.equal(other.latents[f"z.{start}"].log_p, first[f"z.{start}"].log_p)


def test_padding_changes_nothing(model):
    model.eval()
    whole, length = batch_of(), 4
    short = {name: v[:, :length] for name, v in whole.items() if name != "length"}
    whole["length"][:] = length
    whole["x"][:, length:] = float("nan")
    first = model(whole)
    draws = {latent.name: latent.z for latent in first.latents}
    again = model(short, Replay({f"z.{t}": draws[f"z.{t}"] for t in range(length)}))
    assert torch.allclose(first.log_px, again.log_px)
    assert torch.allclose(first.kl, again.kl)
    torch.manual_seed(0)
    ours = model.filtered(whole)
    torch.manual_seed(0)
    theirs = model.filtered(short)
    assert all(torch.allclose(a, b) for a, b in zip(ours, theirs, strict=True))


def test_training_reads_no_step_that_is_padding_in_all_of_a_batch(model):
    batch = batch_of()
    batch["length"][:] = 4
    trace, *_ = measured(model, ELBO(), batch, Progress(0))
    assert [latent.name for latent in trace.latents] == ["z.0", "z.1", "z.2", "z.3"]


def test_a_missing_step_within_the_length_is_no_padding(model):
    """A mask of steps says what one of values says: the world goes on where nothing is seen."""
    batch, gone = batch_of(), 2
    mask = torch.ones(5, STEPS, dtype=torch.bool)
    mask[:, gone] = False
    batch["x"][:, gone] = float("nan")
    found = []
    for each in (mask, mask[..., None, None, None].expand(batch["x"].shape)):
        torch.manual_seed(6)
        found.append(model({**batch, "mask": each}))
    assert torch.equal(found[0].elbo, found[1].elbo)
    assert (found[0][f"z.{gone}"].weight == 1).all()


def test_what_does_not_fit_is_refused_in_a_sentence(model):
    batch = batch_of()
    for wrong, told in (
        ({"mask": torch.ones(5, 2)}, r"the mask has shape \(5, 2\); expected \(5, 6\) of steps"),
        ({"length": torch.full((5,), 7)}, "lengths must lie in 1 to 6"),
        ({"length": torch.ones(5, 1)}, r"length must be \(B,\)"),
        ({"x": batch["x"] / 0}, "every value must be finite"),
    ):
        for call in (model.reconstruct, lambda known: model.continued(known, 2)):
            with pytest.raises(ValueError, match=told):
                call(batch | wrong)


def test_a_scale_starts_at_what_is_no_padding():
    x, length = torch.randn(40, STEPS, 2), torch.randint(1, STEPS + 1, (40,))
    inside = torch.arange(STEPS) < length[:, None]
    starts = []
    for garbage in (0.0, 1e6):
        padded = torch.where(inside[..., None], x, garbage)
        data = DataModule(Memory({"x": padded, "length": length}), val_size=4, test_size=4)
        torch.manual_seed(0)
        world = build_model(
            settings_of("model=rssm", *SMALL, "likelihood=normal_learned"), data.spec
        )
        start_at_data(world, data)
        starts.append(world.state_dict())
    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])


def test_what_is_to_come_starts_where_the_sequence_ends(model):
    """With no spread left in z, a step that is imagined is the one that q would not correct."""
    model.eval()
    batch = batch_of()
    batch["length"][:] = STEPS
    state = model.filtered(batch, 2)
    actions = torch.randn(5, 3, 2)
    seen = model.imagined(state, 3, actions=actions)
    assert (seen.batch_shape, seen.event_shape) == ((2, 5), (3, 1, 8, 8))
    torch.manual_seed(3)
    h = model.cell(state.h, state.z.flatten(2), model.cell.action(actions[:, 0].double()))
    z = model.prior(h).sample()
    torch.manual_seed(3)
    px = model.imagined(state, 1, actions=actions[:, :1])
    by_hand = model.decoder(torch.cat([h, z.flatten(2)], -1)[:, :, None])
    assert torch.allclose(px.mean, by_hand.mean)
    assert model.continued(batch, 4, 3, noise=True).unique().tolist() == [0, 1]
    torch.manual_seed(4)
    one = model.continued(batch, 2, actions=actions[:, :2])
    torch.manual_seed(4)
    assert not torch.allclose(one, model.continued(batch, 2))


def test_a_state_goes_on_where_it_was(model):
    """Two halves of a sequence, the second from the state after the first, are the whole."""
    model.eval()
    batch = {name: v for name, v in batch_of().items() if name != "length"}
    torch.manual_seed(5)
    whole = model.filtered(batch, 3)
    torch.manual_seed(5)
    half = model.filtered({name: v[:, :2] for name, v in batch.items()}, 3)
    rest = model.filtered({name: v[:, 2:] for name, v in batch.items()}, start=half)
    assert all(torch.allclose(a, b) for a, b in zip(whole, rest, strict=True))


def test_actions_are_read_unless_they_are_not_to_be(model):
    model.eval()
    assert model.fields == ("x", "action", "reset", "length")
    blind = build_model(settings_of(*KINDS["normal"], *SMALL, "model.actions=false"), SPEC)
    assert blind.fields == ("x", "reset", "length")
    given = {"action": torch.zeros(4, 9, 2), "reset": torch.zeros(4, 9, dtype=torch.bool)}
    assert model.sample(4, given=given).shape == (4, 9, 1, 8, 8)
    assert model.sample(4).shape == (4, *SPEC.shape)
    with pytest.raises(ValueError, match=r"action must be \(B, T, A\), here \(B, 6, 2\); got"):
        model(batch_of() | {"action": torch.zeros(5, STEPS, 3)})
    with pytest.raises(ValueError, match="one of sequences .* use data=moving_sprites"):
        build_model(settings_of("model=rssm"), DataSpec("vector", (6,), "boolean", 2))


def evidence(x, action):
    """Return log p(x | actions) by the Kalman filter, ``(B,)``."""
    loc, covariance, total = torch.zeros(len(x), 2).double(), torch.zeros(2, 2).double(), 0.0
    eye, a, b, noise = torch.eye(2).double(), A.double(), B.double(), 0.6
    for t in range(x.shape[1]):
        push = action[:, t] @ b.T if t else 0.0
        loc, covariance = loc @ a.T + push, a @ covariance @ a.T + eye
        of_x = SEEN**2 * covariance + noise**2 * eye
        total = total + MultivariateNormal(SEEN * loc, of_x).log_prob(x[:, t])
        gain = SEEN * covariance @ torch.linalg.inv(of_x)
        loc = loc + (x[:, t] - SEEN * loc) @ gain.T
        covariance = covariance - SEEN * gain @ covariance
    return total


def test_a_linear_world_has_the_evidence_that_kalmans_filter_tells():
    model, action = linear_world(4).double().eval(), torch.randn(3, 4, 2).double()
    x = model.sample(3, given={"action": action}, noise=True)
    batch, exact = {"x": x, "action": action}, evidence(x, action)
    found = model.log_likelihood(batch, num_samples=20_000)
    assert torch.allclose(found, exact, atol=0.03)
    assert (model(batch, num_samples=4000).elbo.mean(0) < exact - 0.05).all()
    one = linear_world(1).double()  # in which q is p(z|x)
    weights = one.log_weights({"x": x[:, :1], "action": action[:, :1]}, num_samples=5)
    assert torch.allclose(weights, evidence(x[:, :1], action).expand(5, 3), atol=1e-9)
