"""A conditional VAE is one of p(x|y): exact where it is known, and no part ignores y."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.compose import settings_of
from tests.linear_gaussian import SIGMA, LinearGaussian
from tests.test_build import SMALL
from vae.build import build_model
from vae.cli.compose import choices
from vae.data import DataSpec
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound
from vae.training import VAEModule

EXACT = DataSpec("exact", (6,), "real", num_classes=3)
DIGITS = DataSpec("digits", (1, 8, 8), "boolean", 2, num_classes=10)
GIVEN = ["model.condition=[label]"]
OF_CLASS = ["prior=normal", "prior.conditional=true"]


class Known:
    """p(x|z, y) = N(Wz + Vy + b, σ²I) and p(z|y) = N(m_y, I): log p(x|y) and its exact VAE."""

    def __init__(self):
        self.base = LinearGaussian(orthogonal=True)  # so that the posterior factorises
        generator = torch.Generator().manual_seed(3)
        self.v = torch.randn(6, 3, generator=generator, dtype=torch.float64)
        self.m = torch.randn(3, 3, generator=generator, dtype=torch.float64)

    def log_p(self, x, y):
        base = self.base
        loc = base.b + self.v.T[y] + self.m.T[y] @ base.w.T
        return MultivariateNormal(loc, base.marginal.covariance_matrix).log_prob(x)

    @torch.no_grad()
    def model(self):
        base = self.base
        scale = ["likelihood=normal", f"likelihood.scale.sigma={SIGMA}"]
        overrides = ["model=linear", "model.latent_dim=3", *GIVEN, *OF_CLASS, *scale]
        model = build_model(settings_of(*overrides), EXACT).double()
        decoder, encoder = model.decoder.net.net.affine, model.encoder.net.net.affine
        decoder.weight.copy_(torch.cat([base.w, self.v], 1))
        decoder.bias.copy_(base.b)
        of_class = base.covariance @ self.m - base.gain @ self.v
        log_scale = 0.5 * base.covariance.diagonal().log()
        raw = [inverse_soft_bound(s, *LOG_SCALE_BOUNDS) for s in log_scale.tolist()]
        encoder.weight.zero_()
        encoder.weight[:3].copy_(torch.cat([base.gain, of_class], 1))
        encoder.bias.copy_(torch.cat([-base.gain @ base.b, torch.tensor(raw)]))
        model.prior.shifts.weight[:3].copy_(self.m)
        return model


@pytest.fixture
def known():
    return Known()


@pytest.fixture
def batch(known):
    torch.manual_seed(0)
    label = torch.arange(90) % 3
    return {"x": known.model().sample(90, given={"label": label}, noise=True), "label": label}


def test_every_weight_is_log_p_of_x_given_y_at_the_exact_posterior(known, batch):
    log_w = known.model().log_weights(batch, num_samples=5)
    assert torch.allclose(log_w, known.log_p(batch["x"], batch["label"]), atol=1e-6)


@pytest.mark.parametrize("deaf", ["decoder", "encoder", "prior"])
def test_a_part_that_ignores_y_is_caught(known, batch, deaf):
    model, exact = known.model(), known.log_p(batch["x"], batch["label"])
    with torch.no_grad():
        if deaf == "prior":
            model.prior.shifts.weight.zero_()
        else:
            getattr(model, deaf).net.net.affine.weight[:, -3:] = 0
    torch.manual_seed(1)
    bound = model.log_weights(batch, num_samples=200).mean(0)
    assert (exact - bound).mean() > 0.3


def test_samples_of_a_class_are_those_of_its_density(known):
    model = known.model()
    torch.manual_seed(2)
    x = model.sample(4000, given={"label": 1}, noise=True)
    y = torch.tensor([1])
    loc = known.base.b + known.v.T[1] + known.base.w @ known.m.T[1]
    assert torch.allclose(x.mean(0), loc, atol=0.15)
    assert known.log_p(x, y).mean() == pytest.approx(-known.base.marginal.entropy().item(), abs=0.2)


FILM = [*GIVEN, "model.condition_by=film"]


@pytest.mark.parametrize(
    ("name", "own"),
    [
        *[(name, own) for name in sorted(SMALL) for own in ([], OF_CLASS)],
        *[(name, FILM) for name in sorted(SMALL) if name != "linear"],
    ],
)
def test_every_net_trains_with_a_label(name, own):
    torch.manual_seed(0)
    overrides = [f"model={name}", "model.latent_dim=4", *SMALL[name], *GIVEN, *own]
    module = VAEModule.from_config(settings_of(*overrides), DIGITS)
    (optimizer,) = module.make_optimizers()
    batch = {"x": torch.rand(12, 1, 8, 8).round(), "label": torch.arange(12) % 10}
    for _ in range(3):
        optimizer.zero_grad()
        sum(module.objective(module.model(batch)).values()).backward()
        for part, p in module.named_parameters():
            assert p.grad is not None, part
            assert p.grad.isfinite().all(), part
        optimizer.step()
    model = module.model.eval()
    other = {**batch, "label": (batch["label"] + 1) % 10}
    assert not torch.allclose(model.embed(batch), model.embed(other))
    z = torch.zeros(12, 4)
    x, moved = (model.decode(z, given={"label": b["label"]}).mean for b in (batch, other))
    assert not torch.allclose(x, moved)
    torch.manual_seed(1)
    assert model.sample(5, given={"label": torch.arange(5)}).shape == (5, 1, 8, 8)


def test_every_model_of_pictures_takes_a_condition():
    spec = DataSpec("digits", (1, 64, 64), "boolean", 2, num_classes=3)
    for name in choices("model"):
        if "condition" in settings_of(f"model={name}")["model"]:
            model = build_model(settings_of(f"model={name}", *GIVEN), spec)
            assert model.sample(2, given={"label": 2}).shape == (2, 1, 64, 64)


def small(*overrides, spec=DIGITS):
    torch.manual_seed(0)
    sizes = ["model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=2"]
    return build_model(settings_of(*sizes, *overrides), spec).eval()


def test_a_number_is_that_of_all_samples():
    model, drawn = small(*GIVEN, *OF_CLASS), []
    for label in (3, torch.tensor(3), torch.full((6,), 3)):
        torch.manual_seed(1)
        drawn.append(model.sample(6, given={"label": label}))
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


WRONG = {
    "nothing": (lambda m: m.sample(6), r'conditional on label: .*sample\(n, given=\{"label": '),
    "another field": (lambda m: m.sample(6, given={"lable": 1}), "conditional on label: give"),
    "no such class": (lambda m: m.sample(6, given={"label": 10}), "numbers from 0 to 9; got 10"),
    "half a class": (lambda m: m.sample(6, given={"label": 0.5}), "numbers from 0 to 9; got 0.5"),
    "too many": (
        lambda m: m.sample(6, given={"label": torch.arange(10)}),
        "a value for each of 6 samples; got 10",
    ),
    "one-hot": (lambda m: m.sample(10, given={"label": torch.eye(10)}), "must have shape"),
    "x alone": (lambda m: m.reconstruct(torch.zeros(2, 1, 8, 8)), "reads x, label"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_given_is_asked_for_in_a_sentence(name):
    call, told = WRONG[name]
    with pytest.raises(ValueError, match=told):
        call(small(*GIVEN))


REFUSED = {
    "another name": (["model.condition=[lable]"], "data digits have no field lable; they have lab"),
    "twice": (["model.condition=[label,label]"], "each field is named once; got label, label"),
    "no list": (["model.condition=label"], "model.condition must be a list of text"),
    "no fields to film by": (FILM[1:], "film needs fields: use model.condition="),
    "no condition": (OF_CLASS, "prior: conditional=true needs .* use model.condition="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_condition_that_cannot_be_is_refused(name):
    overrides, told = REFUSED[name]
    with pytest.raises(ValueError, match=told):
        small(*overrides)


def test_data_without_fields_have_no_condition():
    with pytest.raises(ValueError, match="data bare have no field .* use data with labels"):
        small(*GIVEN, spec=DataSpec("bare", (1, 8, 8), "boolean", 2))


def test_real_values_and_factors_are_read_in_their_own_way():
    fields = {"dose": {"shape": (2,), "dtype": "float32"}}
    facts = {"factor_names": ("a", "b"), "factor_sizes": (2, 3), "fields": fields}
    spec = DataSpec("several", (4,), "real", num_classes=3, standardized=True, **facts)
    own = "model.condition=[label,dose,factors]"
    model = small(own, *OF_CLASS, "likelihood=normal", spec=spec)
    features = model.prior.features
    dose = torch.tensor([[1000.0, 1.0], [1200.0, 3.0]])
    features.readers[1].start_from(dose)
    found = features(torch.tensor([2, 0]), dose, torch.tensor([[1, 2], [0, 0]]))
    expected = [[0, 0, 1, -1, -1, 0, 1, 0, 0, 1], [1, 0, 0, 1, 1, 1, 0, 1, 0, 0]]
    assert torch.allclose(found, torch.tensor(expected).float())
    given = {"label": 1, "dose": dose, "factors": torch.zeros(2, 2, dtype=torch.int64)}
    assert model.sample(2, given=given).shape == (2, 4)


def test_a_prior_without_fields_is_the_one_it_was():
    keys = small("prior=normal").prior.state_dict().keys()
    assert sorted(keys) == ["loc", "raw_scale"]


def test_an_imputation_is_that_of_the_class(known):
    model, y = known.model(), torch.zeros(40, dtype=torch.int64)
    x = torch.zeros(40, 6, dtype=torch.float64)
    torch.manual_seed(0)
    missing = torch.ones_like(x) > 0
    drawn = model.impute({"x": x, "label": y}, missing, burn_in=2, steps=20)
    loc = known.base.b + known.v.T[0] + known.base.w @ known.m.T[0]
    assert torch.allclose(drawn.mean.mean(0), loc, atol=0.4)
