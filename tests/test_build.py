"""Every combination of parts takes a training step or is refused by name."""

from dataclasses import asdict
from itertools import product

import pytest
import torch

from tests.compose import settings_of
from tests.steps import BINARY, MLP, OBJECTIVES, composed, step, take_step
from vae.build import build_model, load
from vae.cli.compose import choices
from vae.data import DataSpec
from vae.instantiate import instantiate
from vae.training import VAEModule

SPECS = {
    "binary": BINARY,
    "grey": DataSpec("grey", (1, 8, 8), "unit_interval", 256),
    "colour": DataSpec("colour", (3, 7, 9), "unit_interval", 256),
    "signal": DataSpec("signal", (2, 20), "real"),
    "vector": DataSpec("vector", (6,), "real"),
}
NETS = {
    name: [f"model={name}", "model.latent_dim=4"]
    for name in ("linear", "mlp", "gated", "conv", "resnet")
}
SMALL = {
    "mlp": ["model.encoder.hidden=[16]"],
    "gated": ["model.encoder.hidden=[16]"],
    "conv": ["model.encoder.channels=[4,4]", "model.encoder.hidden=[8]"],
    "resnet": ["model.encoder.channels=[8,8]"],
    "linear": [],
}


POSTERIORS = {
    "normal": {"standard_normal", "vamp", "nsf"},
    "constant": {"standard_normal", "vamp", "nsf"},
    "nsf": {"standard_normal", "vamp", "nsf"},
    "categorical": {"uniform_categorical", "vamp"},
}


def test_the_lists_here_are_complete():
    assert sorted(POSTERIORS) == choices("posterior")
    assert sorted({*choices("prior")}) == sorted(set().union(*POSTERIORS.values()))
    assert sorted(OBJECTIVES) == choices("objective")


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("prior", choices("prior"))
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_posterior_prior_objective(posterior, prior, objective):
    small = ["prior.num_components=3"] if prior == "vamp" else []
    latents = composed(*MLP, f"posterior={posterior}", f"prior={prior}", *small)
    chosen = composed(*MLP, f"objective={objective}", *OBJECTIVES[objective])
    settings = {**latents, "objective": chosen["objective"]}
    factorised = posterior != "nsf" and prior in ("standard_normal", "uniform_categorical")
    if prior not in POSTERIORS[posterior]:
        with pytest.raises(ValueError, match=r"live on different spaces\. Use posterior="):
            take_step(settings)
    elif objective == "free_bits" and not factorised:
        with pytest.raises(ValueError, match=r"free bits need .* Use objective=elbo"):
            take_step(settings)
    else:
        assert take_step(settings).isfinite()


GRID = {"binary", "grey", "colour"}
COVERS = {  # which data each likelihood can score
    "bernoulli": {"binary"},
    "continuous_bernoulli": GRID,
    "discretized_logistic": GRID,
    "discretized_logistic_mixture": GRID,
    "categorical": GRID,
    "normal": set(SPECS),
    "normal_learned": set(SPECS),
    "normal_pixelwise": set(SPECS),
    "normal_optimal": set(SPECS),
    "laplace": set(SPECS),
}


@pytest.mark.parametrize("likelihood", choices("likelihood"))
@pytest.mark.parametrize("data", SPECS)
def test_likelihood_and_data(likelihood, data):
    overrides = [f"likelihood={likelihood}", *NETS["mlp"], *SMALL["mlp"]]
    if data in COVERS[likelihood]:
        assert step(overrides, SPECS[data]).isfinite()
    else:
        with pytest.raises(ValueError, match=rf"{data}.*Use "):
            step(overrides, SPECS[data])


@pytest.mark.parametrize(("net", "data"), list(product(NETS, SPECS)))
def test_net_and_data(net, data):
    overrides = ["likelihood=normal", *NETS[net], *SMALL[net]]
    if net in ("conv", "resnet") and data == "vector":
        with pytest.raises(ValueError, match="model=mlp"):
            step(overrides, SPECS[data])
    else:
        assert step(overrides, SPECS[data]).isfinite()


@pytest.mark.parametrize("group", ["model", "optimizer", "scheduler", "objective", "data"])
def test_every_choice_composes(group):
    for name in choices(group):
        assert group in settings_of(f"{group}={name}") or name == "constant"


@pytest.mark.parametrize("name", choices("optimizer"))
def test_every_optimizer_takes_a_step(name):
    assert step([f"optimizer={name}", *NETS["mlp"]], SPECS["binary"]).isfinite()


@pytest.mark.parametrize("name", choices("model"))
def test_every_model_of_the_config_builds(name):
    spec = DataSpec("binary", (1, 64, 64), "boolean", 2)
    assert build_model(settings_of(f"model={name}"), spec).sample(2).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("name", choices("schedule"))
def test_every_schedule_may_weigh_the_kl(name):
    settings = settings_of("objective=elbo", f"+schedule@objective.beta={name}")
    first = 1.0 if name == "stages" else 0.0
    assert instantiate(settings["objective"], "objective").beta(0) == first


def test_a_checkpoint_alone_is_a_model(tmp_path):
    """No YAML is read, and the sampled pictures are those of the saved weights."""
    spec = SPECS["binary"]
    module = VAEModule.from_config(settings_of(*NETS["conv"], *SMALL["conv"], "prior=vamp"), spec)
    hparams = {"config": dict(module.hparams["config"]), "spec": asdict(spec)}
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": hparams}, path)
    model = load(path)
    assert not model.training
    torch.manual_seed(1)
    ours = module.model.eval().sample(5)
    torch.manual_seed(1)
    assert torch.equal(model.sample(5), ours)


@pytest.mark.parametrize("kind", ["absent", "empty", "text", "truncated", "foreign", "malicious"])
def test_bad_checkpoints_are_refused_in_a_sentence(kind, tmp_path):
    path, marker = tmp_path / "model.ckpt", tmp_path / "marker"
    torch.save({"weights": torch.zeros(1000)}, path)
    if kind == "absent":
        path = tmp_path / "other.ckpt"
    elif kind in ("empty", "text", "truncated"):
        content = {"empty": b"", "text": b"hello", "truncated": path.read_bytes()[:800]}
        path.write_bytes(content[kind])
    elif kind == "malicious":
        torch.save(Malicious(str(marker)), path)
    with pytest.raises((ValueError, FileNotFoundError), match=str(path)):
        load(path)
    assert not marker.exists()


class Malicious:
    """Leaves a marker file when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.marker}",)
