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


INDEPENDENT_PRIORS = {
    *("standard_normal", "normal", "laplace", "student_t", "uniform_categorical"),
    *("categorical", "uniform_bernoulli", "bernoulli", "gamma", "beta", "joint"),
    "joint_learned",
}
OVER_REALS = {
    *("standard_normal", "normal", "laplace", "student_t", "mixture"),
    *("vamp", "exemplar", "nsf", "maf", "two_stage"),
}
INDEPENDENT = {
    *("normal", "constant", "laplace", "student_t"),
    *("categorical", "bernoulli", "gamma", "beta", "joint"),
}
FLOWS = {"nsf", "iaf", "maf", "planar", "radial", "sylvester"}  # which do not know their moments
POSTERIORS = {
    **dict.fromkeys(["normal", "constant", "laplace", "student_t"], OVER_REALS),
    **dict.fromkeys(["full_normal", "low_rank_normal", "mixture"], OVER_REALS),
    **dict.fromkeys(sorted(FLOWS), OVER_REALS),
    "categorical": {"uniform_categorical", "categorical", "vamp"},
    "bernoulli": {"uniform_bernoulli", "bernoulli", "vamp"},
    "gamma": {"gamma", "vamp"},
    "beta": {"beta", "vamp"},
    "dirichlet": {"dirichlet", "logistic_normal", "vamp"},
    "logistic_normal": {"dirichlet", "logistic_normal", "vamp"},
    "von_mises_fisher": {"uniform_sphere", "von_mises_fisher", "vamp"},
    "power_spherical": {"uniform_sphere", "von_mises_fisher", "vamp"},
    "joint": {"joint", "joint_learned"},
}
SMALL_PARTS = {  # what makes a step of a choice quick
    "prior=vamp": ["prior.num_components=3"],
    "prior=exemplar": ["prior.num_exemplars=3"],
    "prior=mixture": ["prior.num_components=3"],
    "prior=maf": ["prior.hidden_features=[8]"],
    "prior=two_stage": ["prior.hidden=[8]"],
    "posterior=sylvester": ["posterior.num_flows=2"],
    **{f"posterior={name}": ["posterior.flow.hidden_features=[8]"] for name in ("iaf", "maf")},
}


def latents(posterior, prior):
    """Return the overrides that choose both, small."""
    chosen = [f"posterior={posterior}", f"prior={prior}"]
    return [*chosen, *(small for part in chosen for small in SMALL_PARTS.get(part, []))]


def paired(posterior, prior):
    """Return the settings of both, composed apart: each choice once, where there are many pairs."""
    if prior.startswith("joint"):  # whose settings follow those of the posterior
        return composed(*MLP, *latents(posterior, prior))
    ours, theirs = (
        composed(*MLP, part, *SMALL_PARTS.get(part, []))
        for part in (f"posterior={posterior}", f"prior={prior}")
    )
    return {**ours, "prior": theirs["prior"]}


# Every pair under the objectives that tell their kinds apart; under the others, each kind once.
KINDS = {
    "normal",
    "constant",
    "nsf",
    "categorical",
    "standard_normal",
    "vamp",
    "uniform_categorical",
}
TRIPLES = [
    (posterior, prior, objective)
    for posterior, prior, objective in product(POSTERIORS, choices("prior"), OBJECTIVES)
    if objective in ("elbo", "free_bits")
    or prior == "standard_normal"
    or {posterior, prior} <= KINDS
]


def test_the_lists_here_are_complete():
    assert sorted(POSTERIORS) == choices("posterior")
    assert sorted({*choices("prior")}) == sorted(set().union(*POSTERIORS.values()))
    others = ["semi_supervised", "fivo", "balanced_elbo"]  # see test_m2.py, test_sequences.py …
    assert sorted([*OBJECTIVES, *others]) == choices("objective")


@pytest.mark.parametrize(("posterior", "prior", "objective"), TRIPLES)
def test_posterior_prior_objective(posterior, prior, objective):
    chosen = composed(*MLP, f"objective={objective}", *OBJECTIVES[objective])
    settings = {**paired(posterior, prior), "objective": chosen["objective"]}
    factorised = posterior in INDEPENDENT and prior in INDEPENDENT_PRIORS
    if prior not in POSTERIORS[posterior]:
        with pytest.raises(ValueError, match=r"(on different spaces|: z, c)\. Use posterior="):
            take_step(settings)
    elif objective == "enumerated_elbo":  # which is for one that is not relaxed
        with pytest.raises(ValueError, match="cannot be enumerated"):
            take_step(settings)
    elif objective == "stratified_elbo" and posterior != "mixture":
        with pytest.raises(ValueError, match=r"one latent that has some; q is \w+\. Use posterior"):
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


@pytest.mark.parametrize("likelihood", choices("likelihood"))
def test_likelihood_and_posterior(likelihood):
    spec = SPECS["binary" if likelihood == "bernoulli" else "grey"]
    scored = {"likelihood": composed(*MLP, f"likelihood={likelihood}")["likelihood"]}
    for posterior, priors in POSTERIORS.items():
        settings = composed(*MLP, *latents(posterior, min(priors)))
        assert take_step({**settings, **scored}, spec).isfinite(), posterior


@pytest.mark.parametrize(("net", "data"), list(product(NETS, SPECS)))
def test_net_and_data(net, data):
    overrides = ["likelihood=normal", *NETS[net], *SMALL[net]]
    if net in ("conv", "resnet") and data == "vector":
        with pytest.raises(ValueError, match="model=mlp"):
            step(overrides, SPECS[data])
    else:
        assert step(overrides, SPECS[data]).isfinite()


@pytest.mark.parametrize("group", ["scheduler", "data"])  # others are composed where they are built
def test_every_choice_composes(group):
    for name in choices(group):
        assert group in settings_of(f"{group}={name}") or name == "constant"


@pytest.mark.parametrize("name", choices("optimizer"))
def test_every_optimizer_takes_a_step(name):
    assert step([f"optimizer={name}", *NETS["mlp"]], SPECS["binary"]).isfinite()


@pytest.mark.parametrize("name", choices("model"))
def test_every_model_of_the_config_builds(name):
    length = {"length": {"shape": (), "dtype": "int64"}}  # else sequences are taken for pictures
    spec = DataSpec("binary", (1, 64, 64), "boolean", 2, num_classes=10, fields=length)
    model = build_model(settings_of(f"model={name}"), spec)
    if model.predicts is None:
        assert model.sample(2).shape == (2, 1, 64, 64)
    else:
        assert model.sample(2, given={"x": torch.zeros(2, 1, 64, 64)}).shape == (2,)


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
