"""Neural processes: the bound in closed form, sets of points, what is known and what is not."""

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from tests.compose import settings_of
from vae.build import build_model, check_parts
from vae.data import DataModule, DataSpec, GPCurves, Memory
from vae.distributions import Conditional, FixedScale, Normal
from vae.models import NeuralProcess
from vae.models.known_points import drawn_context, hashed
from vae.networks.point_nets import PointDecoder
from vae.networks.positions import FieldPositions
from vae.objectives import ELBO
from vae.starting import start_at_data

KINDS = ("neural_process", "conditional_neural_process", "attentive_neural_process")
SMALL = ["model.num_features=8", "model.encoder.hidden=[8]", "model.decoder.hidden=[8]"]
M = 12
MASKED = {"mask": {"shape": (M,), "dtype": "bool"}}


def made(kind, *more, spec=None):
    spec = GPCurves(2, points=M).spec if spec is None else spec
    torch.manual_seed(0)
    settings = settings_of("data=gp_curves", f"model={kind}", *SMALL, *more)
    return build_model(settings, spec).double().eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    x, at = torch.randn(5, 1, M).double(), torch.randn(5, 1, M).double()
    return {"x": x, "at": at, "context": torch.rand(5, M) < 0.5}


@pytest.fixture(params=KINDS)
def model(request):
    return made(request.param)


def predicted(model, batch):
    torch.manual_seed(2)
    found = model.predict(batch, num_samples=3)
    return found.mean, found.stddev


def test_the_order_of_the_points_changes_nothing(model, batch):
    order = torch.randperm(M)
    mean, deviation = predicted(model, batch)
    turned = predicted(model, {name: value[..., order] for name, value in batch.items()})
    torch.testing.assert_close(
        turned, (mean[..., order], deviation[..., order]), rtol=0, atol=1e-10
    )


def test_nothing_starts_at_points_that_do_not_exist():
    x, at, mask = torch.randn(30, 1, M), torch.randn(30, 1, M), torch.rand(30, M) < 0.7
    starts = []
    for garbage in (0.0, 1e6):
        fields = {"x": x, "at": at}
        known = mask.unsqueeze(1)
        fields = {name: torch.where(known, v, garbage) for name, v in fields.items()}
        data = DataModule(Memory({**fields, "mask": mask}), val_size=3, test_size=3)
        model = made("neural_process", "likelihood=normal_pixelwise", spec=data.spec)
        start_at_data(model, data)
        starts.append(model.state_dict())
    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])


def test_values_that_are_not_known_change_no_prediction(model, batch):
    held = torch.where(batch["context"].unsqueeze(1), batch["x"], torch.nan)
    assert torch.equal(predicted(model, batch)[0], predicted(model, {**batch, "x": held})[0])
    shown = {**batch, "context": torch.ones(5, M)}
    assert not torch.equal(predicted(model, batch)[0], predicted(model, shown)[0])


def test_nothing_known_is_what_is_known_without_values(model, batch):
    empty = predicted(model, {**batch, "context": torch.zeros(5, M)})
    assert empty[0].isfinite().all()
    torch.testing.assert_close(predicted(model, {"at": batch["at"]}), empty)
    torch.manual_seed(3)
    some = model.sample(
        5, given={"at": batch["at"], "known": batch["x"], "context": batch["context"]}
    )
    assert some.shape == (5, 1, M)
    assert not torch.allclose(some, model.sample(5, given={"at": batch["at"]}))
    with pytest.raises(ValueError, match="say by context"):
        model.sample(5, given={"at": batch["at"], "known": batch["x"]})


def test_functions_have_any_number_of_points(model, batch):
    twice = {name: torch.cat([value, value], -1) for name, value in batch.items()}
    twice["context"][:, M:] = False
    for ours, theirs in zip(predicted(model, twice), predicted(model, batch), strict=True):
        torch.testing.assert_close(ours[..., M:], theirs)
    short = {name: value[:1, ..., :1] for name, value in batch.items()}
    assert model.predict(short).log_prob(short["x"]).shape == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_at_points_that_do_not_exist_changes_no_bit(kind, batch):
    spec = GPCurves(2, points=M).spec
    spec = DataSpec(spec.name, spec.shape, spec.support, fields={**spec.fields, **MASKED})
    model = made(kind, spec=spec)
    assert model.fields == ("x", "at", "mask")
    mask = torch.rand(5, M) < 0.7
    found = []
    for filling in (0.0, torch.nan, 1e30):
        filled = {n: torch.where(mask.unsqueeze(1), batch[n], filling) for n in ("x", "at")}
        torch.manual_seed(4)
        loss = sum(ELBO()(model({**filled, "mask": mask})).values())
        found.append([loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
    log_p = model.predict({**filled, "mask": mask}).mean
    assert log_p[mask.unsqueeze(1)].isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("posterior", ["normal", "full_normal"])
def test_every_parameter_learns(kind, posterior, batch):
    model = made(kind, f"posterior={posterior}").train()
    objective = ELBO(num_samples=2)
    assert check_parts(model, objective, GPCurves(2, points=M).spec)
    sum(objective(model(batch, num_samples=2)).values()).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_which_points_are_known_is_drawn_anew_in_training_alone():
    torch.manual_seed(0)
    y, exists = torch.randn(400, M, 1), torch.rand(400, M) < 0.8
    fixed = drawn_context(y, exists, (2, 5), anew=False)
    assert torch.equal(fixed[7:9], drawn_context(y[7:9], exists[7:9], (2, 5), anew=False))
    anew = [drawn_context(y, exists, (2, 5), anew=True) for _ in range(2)]
    assert not torch.equal(*anew)
    for known in (fixed, *anew):
        assert not (known & ~exists).any()
        counts = known.sum(1)
        assert (counts.amin(), counts.amax()) == (2, 5)
        shares = torch.bincount(counts)[2:] / 400
        assert (shares - 0.25).abs().max() < 0.1
        assert (known.sum(0) / exists.sum(0) - 3.5 / (0.8 * M)).abs().max() < 0.1
    assert drawn_context(y, exists, (30, 30), anew=True).equal(exists)
    numbers = hashed(torch.arange(1000), 3).double() / 2**53
    assert (numbers.mean(0) - 0.5).abs().max() < 0.05
    assert numbers.T.corrcoef().fill_diagonal_(0).abs().max() < 0.1


class ExactPosterior(nn.Module):
    """The posterior of y = a + bt + noise under N(0, I), of the points that are known."""

    class Head(nn.Module):
        event_shape = (2,)

    def __init__(self, sigma):
        super().__init__()
        self.head, self.sigma = self.Head(), sigma

    def forward(self, points, known):
        t, y = points.unbind(-1)
        phi = torch.stack([known.to(t), t * known], -1)
        precision = torch.eye(2).to(t) + phi.mT @ phi / self.sigma**2
        mean = torch.linalg.solve(precision, phi.mT @ (y * known).unsqueeze(-1)) / self.sigma**2
        return MultivariateNormal(mean.squeeze(-1), precision_matrix=precision)


class Line(nn.Module):
    """From (t, a, b) to a + bt."""

    def forward(self, x):
        t, a, b = x.unbind(-1)
        return (a + b * t).unsqueeze(-1)


def test_at_the_exact_posterior_every_weight_is_the_likelihood_given_the_context(batch):
    head = Normal((1, M), scale=FixedScale(1.0))
    decoder = Conditional(PointDecoder(Line(), (1,)), head)
    posterior = ExactPosterior(1.0)
    model = NeuralProcess(
        FieldPositions(1), decoder, latent_encoder=posterior, score_known=False
    ).double()
    batch["context"][0] = False
    log_w = model(batch, num_samples=4).log_weight
    for row in range(5):
        t, y, c = batch["at"][row, 0], batch["x"][row, 0], batch["context"][row]
        phi = torch.stack([torch.ones_like(t), t], -1)
        covariance = phi @ phi.T + torch.eye(M)
        expected = MultivariateNormal(torch.zeros(M).double(), covariance).log_prob(y)
        if c.any():  # of all, less that of the known ones
            known = MultivariateNormal(torch.zeros(int(c.sum())).double(), covariance[c][:, c])
            expected -= known.log_prob(y[c])
        torch.testing.assert_close(log_w[:, row], expected.expand(4), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 7), (6,)])
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_signals_and_vectors_are_functions_on_a_grid(kind, shape):
    spec = DataSpec("grid", shape, "real")
    model = made(kind, spec=spec)
    x = torch.randn(4, *shape).double()
    known = torch.zeros(4, *(shape[1:] or shape))
    known[..., :2] = 1
    found = model.predict({"x": x, "context": known})
    assert found.mean.shape == x.shape
    assert found.log_prob(x).shape == (4, *(shape[1:] or shape))
    torch.testing.assert_close(
        found.mean, model.predict({"x": x, "context": known}).mean, atol=2, rtol=1
    )
    assert model.sample(3).shape == (3, *shape)
    assert model.log_likelihood(x, num_samples=3).shape == (4,)


def test_a_mixture_of_draws_is_one_of_each_point(batch):
    model = made("neural_process")
    torch.manual_seed(0)
    found = model.predict(batch, 20)
    p = torch.distributions.Normal(found.px.base_dist.loc, found.px.base_dist.scale)
    each = p.log_prob(batch["x"])[:, :, 0].logsumexp(0) - torch.tensor(20.0).log()
    torch.testing.assert_close(found.log_prob(batch["x"]), each)
    joint = p.log_prob(batch["x"]).sum((2, 3)).logsumexp(0) - torch.tensor(20.0).log()
    torch.testing.assert_close(found.joint_log_prob(batch["x"]), joint)
    drawn = torch.stack([found.sample() for _ in range(2000)])
    assert (drawn.mean(0) - found.mean).abs().max() < 0.2
    torch.testing.assert_close(drawn.std(0), found.stddev, rtol=0.1, atol=0.02)


@pytest.mark.parametrize(
    ("settings", "fields", "told"),
    [
        (["model.num_context=[5,2]"], {}, r"fewest and most known points, \[0, 50\]; got \[5, 2\]"),
        (["model.latent=false"], {}, r"needs model\.latent=true, model\.aggregator, or both"),
        ([], {"at": {"shape": (M + 1,), "dtype": "float32"}}, "a position for each of the places"),
        (["+model.aggregator._target_=vae.networks.MLP"], {}, "model.aggregator"),
    ],
)
def test_a_slip_is_told(settings, fields, told):
    spec = DataSpec("a", (1, M), "real", fields=fields)
    with pytest.raises(ValueError, match=told):
        made("neural_process", *settings, spec=spec)


def test_positions_and_values_must_be_of_the_same_points(batch):
    model = made("neural_process")
    with pytest.raises(ValueError, match="12 values and 11 positions"):
        model.predict({**batch, "at": batch["at"][..., 1:]})
    with pytest.raises(
        ValueError, match=r"at must hold 1 number for each of M points, \(B, 1, M\)"
    ):
        model.predict({**batch, "at": batch["at"].expand(-1, 2, -1)})
    with pytest.raises(ValueError, match="the model reads at"):
        model.sample(3)
