"""What levels hold and are worth: closed forms of the linear-Gaussian hierarchy."""

from math import log, pi

import pytest
import torch

from tests.compose import settings_of
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from tests.linear_hierarchy import SIGMA, SIZE, hierarchy, set_weights
from vae.build import build_model
from vae.data import DataSpec
from vae.draws import Centers, kept
from vae.evaluation import Hierarchy, measure
from vae.evaluation.measures.by_level import ByLevel, levels_of

pytestmark = pytest.mark.usefixtures("double_precision")
KINDS = ["hvae", "ladder"]
COUNT = 3000


def expected(model, x):
    """Return E log p(x|z) with no level, the higher and both from the exact posterior, ``(3,)``."""
    down, w = model.downs[0](torch.zeros(1, SIZE)), weight(model.decoder)
    a, s = weight(model.downs[0]), down.variance[0]
    v1 = a**2 + s  # of z1 under the prior
    c, n = w * a, SIGMA**2 + w**2 * s  # x given z2
    m2, v2 = c / (c**2 + n) * x, n / (c**2 + n)
    gain = w * v1 / (w**2 * v1 + SIGMA**2)
    of_z1 = [(0 * x, v1), (a * m2, a**2 * v2 + s), (gain * x, v1 - gain * w * v1)]
    return torch.stack([expected_log_px(x, w, *moments) for moments in of_z1])


def expected_log_px(x, w, mean, variance):
    square = (x - w * mean) ** 2 + w**2 * variance
    return (-0.5 * log(2 * pi * SIGMA**2) - square / (2 * SIGMA**2)).sum(-1).mean()


def weight(part):
    return part.net.layers[-1].weight.data[:SIZE].diagonal()


@pytest.mark.parametrize("kind", KINDS)
def test_the_worth_of_levels_is_that_of_the_closed_form(kind):
    torch.manual_seed(0)
    model, log_p = hierarchy(kind, 2)
    x = model.sample(COUNT, noise=True)
    names = levels_of(model, {"x": x})
    assert names == ["z2", "z1"]
    by_level = ByLevel(model, names)
    by_level.update({"x": x})
    found = by_level.log_px
    error = found.std(1) / COUNT**0.5
    assert ((found.mean(1) - expected(model, x)).abs() < 4 * error).all()
    elbo = found[-1] - by_level.kl.sum(0)  # at the exact posterior
    assert (elbo.mean() - log_p(x).mean()).abs() < 4 * elbo.std() / COUNT**0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_level_without_content_is_said_to_be_unused(kind):
    model, _ = hierarchy(kind, 2)
    for part in (model.ups[-1] if kind == "hvae" else model.estimates[-1], model.downs[-1]):
        set_weights(part, torch.zeros(SIZE), torch.ones(SIZE))
    x = torch.randn(40, SIZE)
    report = measure(subject_of(model.float(), x.float()), {"hierarchy": Hierarchy(30, columns=4)})
    section = report.sections["hierarchy"]
    assert section.notes[0] == "Level z2 holds 0 nats: unused."
    assert "by which log p(x|z) rises by" in section.notes[1]
    assert section.figures["used_levels"].value == 1
    assert {"KL by level", "reconstructions from the highest levels"} <= section.pictures.keys()


def test_levels_without_a_temperature_are_drawn_as_they_are():
    own = ["model.encoder.hidden=[4]", "model.latent_dim=2", "model.lower_dims=[3]"]
    settings = settings_of("model=hvae", "posterior=joint", "likelihood=normal", *own)
    model = build_model(settings, DataSpec("four", (4,), "real"))
    subject = subject_of(model.float().eval(), torch.randn(9, 4).float())
    section = measure(subject, {"hierarchy": Hierarchy()}).sections["hierarchy"]
    assert section.notes[-1].startswith("What comes from the prior is drawn at T = 1: sampling")
    assert section.protocol["temperature"] == 1.0


def test_one_latent_has_no_levels():
    report = measure(
        subject_of(LinearGaussian().factorised().float(), torch.randn(9, 6).float()),
        {"hierarchy": Hierarchy()},
    )
    assert "one given another; its latents are z" in report.left_out["hierarchy"]


@pytest.mark.parametrize("kind", KINDS)
def test_kept_levels_stay_and_the_rest_is_drawn_given_them(kind):
    model, _ = hierarchy(kind, 3)
    batch = {"x": torch.randn(2000, SIZE)}
    drawn = model.ran(batch, Centers(likelihoods=False))
    latents = model.ran({}, kept(drawn, ["z3", "z2"])).latents
    for name in ("z3", "z2"):
        assert torch.equal(latents[name].point, drawn.latents[name].point)
    p = model.downs[0](latents["z2"].point)
    noise = (latents["z1"].point - p.mean) / p.stddev
    assert noise.mean().abs() < 0.06
    assert (noise.std() - 1).abs() < 0.06
    with pytest.raises(ValueError, match="no latent z4 was drawn; there are"):
        kept(drawn, ["z4"])
