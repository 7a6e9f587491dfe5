"""Every experiment does what it is for, in some hundred steps on small sprites.

Figures are those of the validation data. Where an idea is one term of the loss, its run is compared
with one that differs in nothing else.
"""

import math

import pytest
import torch

from tests.compose import settings_of
from tests.training.conftest import IGNORED
from tests.training.runs import make_trainer
from vae.build import build_data
from vae.cli.compose import choices
from vae.objectives import Pathwise
from vae.objectives.penalties import (
    DIP,
    MMD,
    DecoderNorm,
    GradientPenalty,
    RBFKernel,
    SlicedWasserstein,
    TotalCorrelation,
)
from vae.training import VAEModule

pytestmark = [
    pytest.mark.slow,
    *(pytest.mark.filterwarnings(f"ignore:{message}") for message in IGNORED),
]

STEPS = 300
SMALL = [
    "data=sprites",
    "data.size=3000",
    "data.val_size=600",
    "data.batch_size=64",
    "model=mlp",
    "model.encoder.hidden=[64]",
    "model.latent_dim=8",
    "optimizer=adam",
    "optimizer.lr=2e-3",
    "scheduler=constant",
    "trainer=cpu",
    "logger=none",
    "group_size=100",
]
CAPACITY = 6.0
FEW = ["objective.num_samples=4"]
GROUPS = ["objective.num_groups=2", "objective.group_size=2"]
RAISED = {  # what shows within so few steps
    "capacity": [
        f"penalties.capacity.capacity.end={CAPACITY}",
        "penalties.capacity.capacity.steps=90",
    ],
    "joint_vae": [
        "~model.encoder.channels",
        *(f"penalties.{name}.capacity.{key}" for name in "zc" for key in ("steps=90", "end=2")),
        *(f"penalties.{name}.gamma=300" for name in "zc"),
    ],
    "factor_vae": [
        "objective.beta=4",
        "penalties.factor.discriminator.hidden=[128,128]",
        "penalties.factor.optimizer.lr=3e-3",
    ],
    "aae": [
        "penalties.adversarial.weight=10",
        "penalties.adversarial.discriminator.hidden=[64,64]",
    ],
    "rae_l2": ["penalties.decoder_norm.weight=1e-2"],
    "rae_gp": ["penalties.gradient_penalty.weight=1e-2"],
    **dict.fromkeys(("ciwae", "dreg", "iwae", "renyi"), FEW),
    "vimco": ["objective.num_samples=8"],
    "burda_vae": ["~scheduler.warmup"],  # SMALL has no schedule
    "burda_iwae": ["~scheduler.warmup", *FEW],
    **dict.fromkeys(("miwae", "piwae"), GROUPS),
}
PLAIN = ("beta_vae", "objective.beta=1")


class Lesson:
    """Trains experiments and keeps what came of them."""

    def __init__(self, folder):
        self.folder = folder
        self.ends = {}
        self.data = build_data(settings_of(*SMALL))
        self.x = self.data.examples("val")["x"]
        mean = self.data.examples("train")["x"].mean(0).clamp(1e-3, 1 - 1e-3)
        self.mean_log_px = self.per_example(self.x * mean.log() + (1 - self.x) * (1 - mean).log())
        self.mean_error = self.per_example((self.x - mean).square())

    def per_example(self, values):
        """Sum over pixels, average over examples."""
        return float(values.flatten(1).sum(1).mean())

    def start(self, name, *overrides):
        """Return the untrained module of an experiment."""
        settings = settings_of(f"experiment={name}", *SMALL, *RAISED.get(name, []), *overrides)
        torch.manual_seed(0)
        return VAEModule.from_config(settings, self.data.spec).eval()

    def end(self, *overrides):
        """Return the trained module of an experiment, always the same."""
        if overrides not in self.ends:
            self.ends[overrides] = self.train(self.start(*overrides))
        return self.ends[overrides]

    def train(self, module):
        """Train a module and return it."""
        module.train()
        options = {"max_steps": STEPS, "epochs": -1, "limit_val_batches": 0}
        make_trainer(self.folder, **options).fit(module, self.data)
        assert all(p.isfinite().all() for p in module.parameters())
        return module.eval()

    def trace(self, module):
        """Return what a module says about the validation data, with the same noise for all."""
        torch.manual_seed(1)
        return module.model(self.x, num_samples=module.objective.num_samples())

    def error(self, module):
        """Return the squared error of the reconstructions."""
        return self.per_example((module.model.reconstruct(self.x) - self.x).square())


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return Lesson(tmp_path_factory.mktemp("experiments"))


def kl(trace, model):
    return trace.kl.mean()


def total_correlation(trace, model):
    return TotalCorrelation().parts(trace)["total_correlation"]


def gaussian_total_correlation(trace, model):
    """That of a Gaussian with the covariance of the aggregate posterior."""
    covariance = torch.cov(trace.latents[0].z[0].T)
    return 0.5 * (covariance.diagonal().log().sum() - covariance.logdet())


def dip_i(trace, model):
    return DIP()(trace)["dip"]


def dip_ii(trace, model):
    return DIP(variance=True)(trace)["dip"]


def mmd(trace, model):
    return MMD(1.0)(trace)["mmd"]


def rbf_mmd(trace, model):
    return MMD(1.0, kernel=RBFKernel([1.0]))(trace)["mmd"]


def sliced_distance(trace, model):
    return SlicedWasserstein(1.0)(trace)["sliced_wasserstein"]


def decoder_norm(trace, model):
    return DecoderNorm(model.decoder, weight=1.0)(trace)["decoder_norm"]


def gradient_penalty(trace, model):
    return GradientPenalty(1.0)(trace)["gradient_penalty"]


LOWER = [  # an experiment, the run beside it, a figure, and the part of it that may be left
    ("beta_vae", PLAIN, kl, 0.7),
    ("beta_tcvae", PLAIN, total_correlation, 0.6),
    ("beta_tcvae", PLAIN, gaussian_total_correlation, 0.6),
    # With wide posteriors on both sides: between narrow ones any 600 leave gaps.
    ("factor_vae", ("beta_vae",), total_correlation, 0.9),
    ("factor_vae", ("beta_vae",), gaussian_total_correlation, 0.5),
    ("dip_vae_i", PLAIN, dip_i, 0.1),
    ("dip_vae_ii", PLAIN, dip_ii, 0.1),
    ("info_vae", PLAIN, rbf_mmd, 0.3),
    ("wae_mmd", ("ae",), mmd, 0.7),
    ("swae", ("ae",), sliced_distance, 0.7),
    ("aae", ("ae",), mmd, 0.7),
    ("rae_l2", ("ae",), decoder_norm, 0.5),
    ("rae_gp", ("ae",), gradient_penalty, 0.5),
]
AUTOENCODERS = ("ae", "wae_mmd", "swae", "aae", "rae_l2", "rae_gp")
BOUNDS = (
    "burda_iwae",
    "burda_vae",
    "ciwae",
    "dreg",
    "iwae",
    "miwae",
    "piwae",
    "renyi",
    "stl",
    "vimco",
)


def measured(lesson, module, figure):
    return figure(lesson.trace(module), module.model).item()


@pytest.mark.parametrize(("name", "beside", "figure", "part"), LOWER)
def test_the_penalised_figure_is_lower(lesson, name, beside, figure, part):
    module, other = lesson.end(name), lesson.end(*beside)
    ours, theirs = (measured(lesson, m, figure) for m in (module, other))
    assert ours < part * theirs
    assert lesson.error(module) < 0.6 * lesson.mean_error  # not by forgetting the data


def test_the_kl_stays_at_the_capacity(lesson):
    start, end, plain = lesson.start("capacity"), lesson.end("capacity"), lesson.end(*PLAIN)
    assert abs(measured(lesson, end, kl) - CAPACITY) < 1
    for other in (start, plain):
        assert abs(measured(lesson, other, kl) - CAPACITY) > 5


def test_the_kl_of_each_latent_stays_at_its_capacity(lesson):
    trace = lesson.trace(lesson.end("joint_vae"))
    assert [latent.name for latent in trace.latents] == ["z", "c"]
    for latent in trace.latents:
        assert abs(latent.kl.mean().item() - 2) < 0.5, latent.name


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_an_autoencoder_reconstructs(lesson, name):
    error = lesson.error(lesson.end(name))
    assert error < 0.5 * lesson.error(lesson.start(name))
    assert error < 0.5 * lesson.mean_error


@pytest.mark.parametrize("name", BOUNDS)
def test_the_bound_rises_above_every_model_without_latents(lesson, name):
    """Of these the best is the mean picture."""
    start, end = (bound(lesson, m) for m in (lesson.start(name), lesson.end(name)))
    assert start < lesson.mean_log_px - 1000
    assert end > lesson.mean_log_px + 100


def test_one_optimal_variance_beats_that_of_the_mean_picture(lesson):
    num_pixels = lesson.x[0].numel()
    variance = lesson.mean_error / num_pixels
    mean_log_px = -0.5 * num_pixels * (math.log(2 * math.pi * variance) + 1)
    end = lesson.end("sigma_vae")
    assert bound(lesson, lesson.start("sigma_vae")) < mean_log_px
    assert bound(lesson, end) > mean_log_px + 1000
    sigma = float(lesson.trace(end).px.base_dist.stddev.flatten()[0])
    assert sigma**2 == pytest.approx(lesson.error(end) / num_pixels, rel=0.3)


def bound(lesson, module):
    """Return the bound that a module was trained on."""
    with torch.no_grad():
        return -float(sum(module.objective(lesson.trace(module)).values()))


def test_the_estimators_are_those_of_the_experiments(lesson):
    kinds = {name: type(lesson.start(name).objective.estimator) for name in BOUNDS}
    pathwise = {name for name, kind in kinds.items() if kind is Pathwise}
    assert set(BOUNDS) - pathwise == {"burda_iwae", "burda_vae", "dreg", "stl", "vimco"}
    assert not lesson.start("vimco").train().model.encode(lesson.x[:2]).has_rsample


def test_z_says_less_where_the_class_is_to_speak(tmp_path):
    few = ["data.size=600", "data.val_size=100", "data.labelled=12", "data.batch_size=50"]
    few += ["model.classifier.hidden=[32]", "optimizer=adam", "scheduler=constant", *SMALL[-3:]]
    kl = {}
    for beta in (1, 5):
        own = ["data=sprites", f"objective.beta={beta}", *few]
        settings = settings_of("experiment=m2", *own)
        data = build_data(settings)
        torch.manual_seed(0)
        module = VAEModule.from_config(settings, data.spec)
        options = {"max_steps": 150, "epochs": -1, "limit_val_batches": 0}
        make_trainer(tmp_path / str(beta), **options).fit(module, data)
        kl[beta] = module.model.eval()(data.examples("val")["x"])["z"].kl.mean().item()
    assert kl[5] < 0.6 * kl[1]


def test_every_experiment_is_here():
    there = {
        *(name for name, *_ in LOWER),
        *AUTOENCODERS,
        *BOUNDS,
        "capacity",
        "joint_vae",
        "m2",
        "sigma_vae",
    }
    assert there == set(choices("experiment"))
