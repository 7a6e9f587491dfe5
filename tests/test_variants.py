"""Every estimator, penalty and experiment takes a training step or is refused by name."""

import pytest

from tests.compose import settings_of
from tests.steps import BINARY, MLP, OBJECTIVES, composed, step, take_step
from tests.test_build import FLOWS, INDEPENDENT
from vae.build import build_data
from vae.cli.compose import CONF, choices
from vae.objectives.penalties import Adversary
from vae.training import VAEModule

ALONE = r"objective \w+ has the pathwise gradient only\. Use estimator=pathwise"
OF_PATHS = dict.fromkeys(("free_bits", "enumerated_elbo", "stratified_elbo"), ALONE)
TWO_BOUNDS = r"cannot serve two bounds at once\. Use estimator=pathwise or estimator=dreg"
BIASED = r"biased for bounds of several samples\. Use estimator=dreg, or objective=elbo"
ESTIMATORS = {  # the objectives that each refuses, and how
    "pathwise": {},
    "dreg": OF_PATHS,
    "score": {**OF_PATHS, "piwae": TWO_BOUNDS},
    "stl": {
        **OF_PATHS,
        "piwae": TWO_BOUNDS,
        **dict.fromkeys(("iwae", "ciwae", "renyi", "miwae"), BIASED),
    },
}


@pytest.mark.parametrize("estimator", choices("estimator"))
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_estimator_and_objective(estimator, objective):
    samples = OBJECTIVES[objective] or ["objective.num_samples=2"]
    chosen = composed(*MLP, f"estimator={estimator}")["estimator"]
    settings = composed(*MLP, f"objective={objective}", *samples) | {"estimator": chosen}
    if objective in ESTIMATORS[estimator]:
        with pytest.raises(ValueError, match=ESTIMATORS[estimator][objective]):
            take_step(settings)
    else:
        assert take_step(settings).isfinite()


def test_the_score_needs_a_second_sample():
    with pytest.raises(ValueError, match=r"Use objective\.num_samples=2 or more\.$"):
        step([*MLP, "estimator=score"])


@pytest.mark.parametrize(
    ("latents", "words"),
    [
        ([], "z cannot be enumerated; its q is LogScaleNormal.* posterior.temperature=null"),
        (["posterior=categorical"], "z cannot be enumerated; its q is LogGumbelSoftmax"),
        (
            [*OBJECTIVES["enumerated_elbo"], "model.latent_dim=8"],
            "z has 6,561 values, more than max_values=4,096: use fewer variables or categories",
        ),
    ],
)
def test_what_cannot_be_enumerated_is_refused(latents, words):
    with pytest.raises(ValueError, match=words):
        step([*MLP, "objective=enumerated_elbo", *latents])


@pytest.mark.parametrize("estimator", ["pathwise", "dreg", "stl"])
def test_latents_without_paths_need_the_score(estimator):
    discrete = ["posterior=categorical", "posterior.temperature=null"]
    with pytest.raises(ValueError, match=r"needs a posterior with rsample.*Use estimator=score"):
        step([*MLP, *discrete, f"estimator={estimator}"])
    assert step([*MLP, *discrete, "estimator=score", "objective.num_samples=2"]).isfinite()


POSTERIORS = {
    **{name: [f"posterior={name}"] for name in choices("posterior")},
    "discrete": [
        "posterior=categorical",
        "posterior.temperature=null",
        "estimator=score",
        "objective.num_samples=2",
    ],
}


@pytest.mark.parametrize("estimator", ["stl", "dreg"])
@pytest.mark.parametrize("posterior", choices("posterior"))
def test_estimator_that_holds_the_posterior(estimator, posterior):
    """Each asks for the density of draws under fixed parameters."""
    samples = ["objective.num_samples=2"] if estimator == "stl" else OBJECTIVES["iwae"]
    bound = [] if estimator == "stl" else ["objective=iwae"]
    chosen = composed(*MLP, f"estimator={estimator}", *bound, *samples)
    own = {group: chosen[group] for group in ("objective", "estimator")}
    assert take_step(composed(*MLP, f"posterior={posterior}") | own).isfinite()


PATHS = {"discrete": r"needs a posterior with rsample; .* Use posterior=normal"}
MOMENTS = r"dip needs a posterior that knows its mean and variance; .* Use posterior=normal"
FACTORS = r"needs a factorised q\(z\|x\); got \w+\. Use posterior=normal"
WHOLE = sorted({*choices("posterior")} - INDEPENDENT)  # which do not factorise
SPREADLESS = FLOWS | {"logistic_normal", "von_mises_fisher", "power_spherical"}  # no variances
SEVERAL = r"is defined for one latent variable; got 2\. Use a model with one, or no penalty"
PENALTIES = {  # the posteriors that each refuses, and how
    "adversarial": PATHS,
    "capacity": {},
    "decoder_norm": {},
    "dip": dict.fromkeys((*sorted(SPREADLESS), "categorical", "bernoulli"), MOMENTS),
    "factor": PATHS,
    "gradient_penalty": PATHS,
    "latent_norm": PATHS,
    "mmd": PATHS,
    "sliced_wasserstein": PATHS,
    "total_correlation": {**dict.fromkeys(WHOLE, FACTORS), **PATHS},
}


@pytest.mark.parametrize("penalty", choices("penalty"))
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_penalty_and_posterior(penalty, posterior):
    chosen = composed(*MLP, f"penalty={penalty}", *small([penalty]))
    settings = {**composed(*MLP, *POSTERIORS[posterior]), "penalties": chosen["penalties"]}
    if posterior == "joint" and penalty not in ("capacity", "decoder_norm"):
        with pytest.raises(ValueError, match=SEVERAL):
            take_step(settings)
    elif posterior in PENALTIES[penalty]:
        with pytest.raises(ValueError, match=PENALTIES[penalty][posterior] + r".*\.$"):
            take_step(settings)
    else:
        assert take_step(settings).isfinite()


def small(penalties):
    """Return the overrides that make the discriminators of these penalties small."""
    adversarial = [name for name in penalties if name in ("adversarial", "factor")]
    return [f"penalties.{name}.discriminator.hidden=[8]" for name in adversarial]


def test_several_penalties_at_once():
    """Each by its settings; their terms stand beside the bound's."""
    penalties = ["dip", "mmd", "factor"]
    chosen = [f"penalty=[{','.join(penalties)}]", "penalties.dip.diagonal=5", *small(penalties)]
    settings = settings_of(*MLP, *chosen)
    assert take_step(settings).isfinite()
    objective = VAEModule.from_config(settings, BINARY).objective
    assert sorted(objective.penalties) == sorted(penalties)
    assert objective.penalties["dip"].diagonal == 5


def test_two_adversaries_have_an_optimizer_each():
    penalties = ["factor", "adversarial"]
    settings = settings_of(*MLP, f"penalty=[{','.join(penalties)}]", *small(penalties))
    module = VAEModule.from_config(settings, BINARY)
    ours, *theirs = [held_by(optimizer) for optimizer in module.make_optimizers()]
    parts = [part for part in module.objective.modules() if isinstance(part, Adversary)]
    assert theirs == [{*part.parameters()} for part in parts]
    assert len(parts) == 2
    assert ours == {*module.model.parameters()}


def held_by(optimizer):
    """Return the parameters of an optimizer."""
    return {p for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize(
    ("penalty", "setting", "message"),
    [
        ("dip", "diagonal=-1", "dip: diagonal must be a finite number of at least 0; got -1"),
        ("dip", "diagonal=abc", "dip.diagonal must be a number or Schedule; got 'abc'"),
        ("dip", "variance=1", "dip.variance must be true or false; got 1"),
        ("mmd", "kernel.scales=[]", "mmd.kernel: scales must be one or more numbers above 0"),
        ("mmd", "kernel.scales=3", "mmd.kernel.scales must be a list of a number; got 3"),
        ("mmd", "kernel=null", None),
        ("sliced_wasserstein", "num_projections=0", "num_projections must be at least 1; got 0"),
        ("factor", "discriminator.hidden=[0]", "factor.discriminator: hidden must be at least 1"),
        ("factor", "optimizer.lr=-1", "Invalid learning rate: -1"),
        ("factor", "optimizer=null", "factor.optimizer must be"),
        ("capacity", "capacity.steps=0", "capacity.capacity: steps must be at least 1; got 0"),
    ],
)
def test_a_wrong_setting_of_a_penalty(penalty, setting, message):
    settings = settings_of(*MLP, f"penalty=[{penalty}]", f"penalties.{penalty}.{setting}")
    if message is None:
        assert take_step(settings).isfinite()
    else:
        with pytest.raises(ValueError, match=message):
            VAEModule.from_config(settings, BINARY)


LIGHT = {  # what makes a step of an experiment quick
    **{name: OBJECTIVES[name] for name in ("ciwae", "iwae", "miwae", "piwae", "renyi")},
    **{name: ["objective.num_samples=3"] for name in ("dreg", "vimco")},
    "factor_vae": small(["factor"]),
    "aae": small(["adversarial"]),
}


@pytest.mark.parametrize("name", choices("experiment"))
def test_experiment(name):
    settings = settings_of(f"experiment={name}", *LIGHT.get(name, []))
    assert take_step(settings, build_data(settings).spec).isfinite()


@pytest.mark.parametrize("name", choices("experiment"))
def test_an_experiment_is_a_config_of_ten_lines_that_says_whose_it_is(name):
    lines = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith("# ")
    assert sum(not line.startswith("#") for line in lines) <= 10


def test_the_lists_here_are_complete():
    assert sorted(ESTIMATORS) == choices("estimator")
    assert sorted(PENALTIES) == choices("penalty")
    assert set(LIGHT) <= set(choices("experiment"))
