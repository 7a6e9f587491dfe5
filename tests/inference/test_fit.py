"""A fit is a run like any other: resumed exactly, without traces, and clear about what is wrong."""

import os
import re
import signal
import sys
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from torch.distributions import Normal, constraints

import vae
from tests.inference.problems import WIDE, Regression
from vae.cli import trainer_checks
from vae.inference import FullRank, LowRank, MeanField, Target, from_numpyro, from_pyro
from vae.objectives import ELBO, IWAE, DReG

ONES = np.ones(3)
REAL = {"mu": constraints.real}
FEW = {"steps": 60, "quiet": True}
LIKELIHOOD = {"log_likelihood": lambda batch, mu: Normal(mu, 1.0).log_prob(batch["x"])}


@pytest.fixture(autouse=True)
def wide():
    torch.set_default_dtype(WIDE)


def log_joint(mu):
    return Normal(0.0, 1.0).log_prob(mu)


class Stop(Exception):
    pass


@pytest.mark.parametrize("batch_size", [None, 20])
def test_a_resumed_fit_is_the_uninterrupted_one(tmp_path, batch_size):
    known, left = Regression(), [10**9]

    def log_prior(w):
        left[0] -= 1
        if left[0] < 0:
            raise Stop
        return known.log_prior(w)

    fit = partial(
        vae.fit,
        log_prior,
        known.latents,
        log_likelihood=known.log_likelihood,
        data=known.data,
        posterior="full_rank",
        batch_size=batch_size,
        steps=70,
        lr=0.05,
        seed=3,
        quiet=True,
    )
    whole = fit()
    left[0] = 55
    with pytest.raises(Stop):
        fit(folder=tmp_path)
    left[0] = 10**9
    with pytest.raises(ValueError, match="holds a run"):
        fit(folder=tmp_path)
    resumed = fit(folder=tmp_path, resume=True)
    for name, value in whole.posterior.state_dict().items():
        assert torch.equal(resumed.posterior.state_dict()[name], value), name
    assert torch.equal(resumed.elbo_trace, whole.elbo_trace)
    assert whole.steps.tolist() == resumed.steps.tolist() == [20, 40, 60, 70]
    assert {"last.ckpt", "best.ckpt"} <= {p.name for p in (tmp_path / "checkpoints").iterdir()}
    assert list(tmp_path.glob("events*"))


KEPT = [  # what a fit is resumed with, and what is said
    ({"posterior": "mean_field"}, "fitted with posterior=LowRank, this is posterior=MeanField"),
    ({"posterior": partial(LowRank, rank=2)}, r"has the weight .*factor in the shape \(1, 1\)"),
    ({"latents": {"mu": constraints.positive}}, r"latents=.*Real\(\).*GreaterThan"),
    ({"seed": 4}, "fitted with seed=3, this is seed=4: .* another folder="),
    ({"batch_size": 2}, "batch_size=None, this is batch_size=2"),
    ({"num_samples": 5}, "num_samples=10, this is num_samples=5"),
    ({"estimator": "stl"}, r"estimator=Pathwise\(\), this is estimator=StickTheLanding"),
    ({"objective": ELBO(beta=0.5, num_samples=10)}, r"objective=ELBO\(beta=1.0.*beta=0.5"),
    ({"lr": 0.1}, "lr=0.01, this is lr=0.1"),
    ({"optimizer": torch.optim.SGD}, "optimizer=Adam.*this is optimizer=SGD"),
    ({"schedule": None}, "schedule=Cosine.*this is schedule=None"),
    ({"dtype": torch.float32}, "dtype=torch.float64, this is dtype=torch.float32"),
    ({"data": {"x": torch.ones(3)}}, "fitted to other data in x: "),
]


def test_a_resumed_fit_keeps_its_arguments(tmp_path):
    fit = partial(vae.fit, log_joint, folder=tmp_path, quiet=True)
    given = {"latents": REAL, **LIKELIHOOD, "data": {"x": torch.zeros(3)}, "seed": 3}
    given |= {"posterior": partial(LowRank, rank=1), "steps": 20}
    fit(**given)
    for changed, words in KEPT:
        with pytest.raises(ValueError, match=words):
            fit(**{**given, **changed}, resume=True)
    assert fit(**{**given, "steps": 30}, resume=True).steps.tolist() == [20, 30]


def test_a_fit_without_a_folder_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = torch.random.get_rng_state()
    fit = vae.fit(log_joint, REAL, **FEW)
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.random.get_rng_state(), state)
    assert fit.steps[-1] == 60


def test_every_validation_leaves_a_line(capsys):
    vae.fit(log_joint, REAL, steps=60)
    assert capsys.readouterr().out.count("val elbo") == 3


@pytest.mark.parametrize(
    "posterior",
    ["mean_field", "full_rank", "low_rank", "flow", "mixture", partial(LowRank, rank=1)],
)
@pytest.mark.parametrize("estimator", ["pathwise", "stl"])
def test_every_family_answers_every_question(posterior, estimator):
    latents = {"a": constraints.positive, "b": (constraints.simplex, (3,))}

    def p(a, b):
        return -a - (b * b).sum()

    settings = {"posterior": posterior, "estimator": estimator, "num_samples": 2}
    fit = vae.fit(p, latents, steps=4, quiet=True, **settings)
    draws = fit.sample(7)
    assert {name: value.shape for name, value in draws.items()} == {"a": (7,), "b": (7, 3)}
    assert fit.log_prob(draws).isfinite().all()
    assert fit.log_weights(7).shape == (7,)
    assert {name: value.shape for name, value in fit.mean.items()} == {"a": (), "b": (3,)}
    assert fit.std["b"].shape == (3,)
    torch.testing.assert_close(
        fit.log_prob({name: value[:1] for name, value in draws.items()}), fit.log_prob(draws)[:1]
    )
    predicted = fit.predict(lambda a, b: {"y": a * b}, 5)
    assert predicted["y"].shape == (5, 3)
    assert fit.diagnosis.sentence in str(fit)
    for parameter in fit.posterior.parameters():
        assert parameter.isfinite().all()


@pytest.mark.parametrize("family", ["mean_field", "full_rank", "low_rank", "flow", "mixture"])
def test_a_copy_is_the_same_fit(family):
    fit = vae.fit(lambda a, b: -(a**2) - b**2, {"a": constraints.real, "b": constraints.real},
                  posterior=family, **FEW)  # fmt: skip
    assert deepcopy(fit).mean == fit.mean


def test_a_flow_of_one_latent():
    fit = vae.fit(log_joint, REAL, posterior="flow", **FEW)
    assert fit.sample(3)["mu"].shape == (3,)


def test_no_density_outside_the_support():
    fit = vae.fit(lambda a: -a, {"a": constraints.unit_interval}, **FEW)
    with pytest.raises(ValueError, match="a must lie in Interval"):
        fit.log_prob({"a": torch.tensor(1.5)})


def test_the_density_of_values_is_normalised():
    fit = vae.fit(lambda a: -a, {"a": constraints.positive}, **FEW)
    a = torch.linspace(1e-4, 40, 200_001)
    total = fit.log_prob({"a": a}).exp().sum() * (a[1] - a[0])
    torch.testing.assert_close(total, torch.ones(()), atol=1e-2, rtol=0)


def test_bounds_of_several_samples_are_refused_on_rows():
    known = Regression()
    fit = partial(vae.fit, known.log_prior, known.latents, data=known.data, **FEW)
    bound = IWAE(num_samples=4, estimator=DReG())
    assert fit(log_likelihood=known.log_likelihood, objective=bound).elbo_trace.isfinite().all()
    with pytest.raises(ValueError, match="bound of several samples.*leave out batch_size="):
        fit(log_likelihood=known.log_likelihood, objective=bound, batch_size=10)


def test_a_start_is_where_q_starts():
    fit = vae.fit(
        lambda a: -((a - 3) ** 2), {"a": constraints.positive}, start={"a": 2.0}, lr=1e-9, steps=1,
        quiet=True,
    )  # fmt: skip
    torch.testing.assert_close(fit.q.mean.exp(), torch.tensor([2.0]), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("function", "settings", "words"),
    [
        (lambda mu: mu.expand(3), {}, r"must return a scalar tensor, the sum.*got shape \(3,\)"),
        (lambda mu: 1.0, {}, "must return a scalar tensor.*got float"),
        (lambda mu: mu.log() * float("nan"), {}, "the log-joint is nan at the start.*'mu'"),
        (lambda mu, sigma: mu + sigma, {}, "asks for sigma; the latents are mu"),
        (lambda: torch.zeros(()), {"latents": {}}, "there must be a latent"),
        (lambda nu=1: nu, {}, "takes no mu, which is among the latents"),
        (lambda mu: mu if mu > 0 else -mu, {}, "vectorized=True"),
        (lambda mu: mu.long(), {}, "log_joint must return floating point.*got torch.int64: build"),
        (lambda mu: mu > 0, {"vectorized": True}, "must return floating point.*got torch.bool"),
        (lambda mu, b: b.add_(1) - mu, {"latents": {**REAL, "b": constraints.real}},
         r"log_joint changes b in place.*write b = b \+ 1, say, instead of b \+= 1"),
        (lambda mu: mu.add_(1), {"latents": {"mu": constraints.unit_interval}}, "changes mu in pl"),
        (lambda mu: mu.add_(1), {"vectorized": True}, "log_joint changes mu in place"),
        (log_joint, {"latents": None}, "give latents="),
        (log_joint, {"posterior": "normal"}, "posterior must be one of mean_field, full_rank"),
        (log_joint, {"posterior": FullRank(3)}, r"events of shape \(3,\); expected \(1,\)"),
        (log_joint, {"estimator": "reinforce"}, "estimator must be one of pathwise, stl"),
        (log_joint, {"steps": 0}, "steps must be a whole number of at least 1"),
        (log_joint, {"batch_size": 2}, "batch_size= needs rows"),
        (log_joint, {"data": {"x": torch.zeros(3)}}, "log_likelihood= and data= go together"),
        (log_joint, {"start": {"nu": 1.0}}, "expected values of"),
        (log_joint, {"resume": True}, "needs the folder="),
        (log_joint, {"lr": 0}, "lr must be a finite number above 0; got 0"),
        (log_joint, {"posterior": 3}, "posterior must be the name of a family, or make one; got 3"),
        (log_joint, {"objective": "elbo"}, "objective must be a bound of vae.objectives.*'elbo'"),
        (log_joint, {"objective": ELBO(), "num_samples": 10}, "has num_samples of its own"),
        (log_joint, {"objective": IWAE(), "estimator": "stl"}, "estimator= would do nothing"),
        (log_joint, {"seed": "3"}, "seed must be a whole number of at least 0; got '3'"),
        (log_joint, {"seed": 2**64}, r"seed must be a whole number below 2\*\*64; got 18"),
        (log_joint, {"dtype": "float32"}, "dtype must be a type of floating point.*got 'float32'"),
        (log_joint, {"dtype": torch.int32}, "dtype must be a type of.*got torch.int32"),
        (log_joint, {"optimizer": "adam"}, "optimizer must make an optimizer of.*got 'adam'"),
        (log_joint, {"optimizer": lambda p: p}, "optimizer cannot be called with par"),
        (log_joint, {"optimizer": lambda p, lr: lr}, "optimizer must make .* it made 0.01"),
        (log_joint, {"schedule": "cosine"}, "schedule must be a LearningRate.*got 'cosine'"),
        (log_joint, {"start": 1.0}, "start must be values by name.*got 1.0"),
        (log_joint, {"accelerator": 3}, "accelerator must be one of auto, cpu, gpu.*got 3"),
        pytest.param(
            log_joint, {"accelerator": "mps"}, "accelerator='mps' is not to be had here: use",
            marks=pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is one"),
        ),
        (log_joint, {"estimator": 3}, "estimator must be a name or an Estimator; got 3"),
        (log_joint, {"latents": "mu"}, "latents must be supports by name"),
        (log_joint, {"latents": {1: constraints.real}}, "must have a name in text.*got 1"),
        (log_joint, {"latents": {"mu": (constraints.real,)}}, r"a support or \(support, shape\)"),
        (log_joint, {"latents": {"mu": (constraints.real, "3")}}, "latents of mu must be.*'3'"),
        (log_joint, {"latents": {"mu": (constraints.real, -1)}}, "latents of mu must be.*, -1"),
        (log_joint, {"latents": {"mu": constraints.interval(1, 0)}}, "mu must have a lower bound"),
        (log_joint, {"start": {"mu": torch.zeros(3)}}, r"start of mu must be one number.*\(3,\)"),
        (log_joint, {"start": {"mu": "0"}}, "start of mu must be a number or a tensor; got '0'"),
        (
            lambda mu: mu.sum(),
            {"latents": {"mu": (constraints.real, 3)}, "start": {"mu": 0.0}},
            r"start of mu must be of shape \(3,\).*got shape \(\)",
        ),
        (lambda mu: log_joint(mu).detach(), {}, "no gradient of the log-joint goes to mu: compute"),
        (lambda mu: torch.ones(()), {"latents": {"mu": constraints.positive}}, "no gradient of"),
        (lambda mu: log_joint(mu.detach()), {**LIKELIHOOD, "data": {"x": torch.zeros(3)},
         "log_likelihood": lambda batch, mu: batch["x"]}, "no gradient of the log-joint goes to"),
        (log_joint, {"log_likelihood": lambda batch, mu: mu - batch["y"],
         "data": {"x": torch.zeros(3)}}, "looks up 'y'; the fields of the data are x"),
        (lambda mu: log_joint(ONES - mu).sum(), {}, "log_joint mixes tensors with numpy arrays"),
        (lambda mu: mu - torch.as_tensor(mu.detach().numpy()), {}, "the log-joint leaves torch"),
        (lambda mu: mu if mu > 0 else -mu, {"vectorized": True}, "though vectorized=True says so"),
        (log_joint, {"compile": "yes"}, "compile must be true or false; got 'yes'"),
        (log_joint, {"vectorized": 1}, "vectorized must be true or false; got 1"),
        (log_joint, {"folder": 3}, "folder must be the path of a folder, or None; got 3"),
        (
            lambda mu: mu.log(),
            {"latents": {"mu": constraints.positive}, "start": {"mu": -1.0}},
            r"mu must lie in GreaterThan\(lower_bound=0.0\); got",
        ),
        (
            log_joint,
            {**LIKELIHOOD, "data": {"x": torch.zeros(3), "y": torch.zeros(2)}},
            "equally long, at least 1; got {'x': 3, 'y': 2}",
        ),
        (
            log_joint,
            {
                "log_likelihood": lambda batch, mu: mu - batch["x"].add_(1),
                "data": {"x": torch.zeros(3)},
            },
            "log_likelihood changes x in place",
        ),
        (
            log_joint,
            {"log_likelihood": lambda batch, mu: mu, "data": {"x": torch.zeros(3)}},
            r"log_likelihood must return a tensor of shape \(3,\), one log-likelihood for each row",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(function, settings, words):
    with pytest.raises(ValueError, match=words):
        vae.fit(function, **{"latents": REAL, **FEW, **settings})


def test_a_target_is_fitted_as_it_is():
    target = Target.of(lambda mu: -0.5 * mu.square(), REAL, vectorized=True)
    fit = vae.fit(target, posterior=MeanField, **FEW)
    assert fit.target is target
    with pytest.raises(ValueError, match="latents and data of its own"):
        vae.fit(target, REAL, **FEW)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("number", "end", "status"),
    [(signal.SIGTERM, SystemExit, 143), (signal.SIGINT, KeyboardInterrupt, None)],
)
def test_a_signal_ends_the_program_as_it_should(tmp_path, capsys, number, end, status, kept):
    calls = []

    def log_joint(mu):
        calls.append(os.kill(os.getpid(), number) if len(calls) == 20 else None)
        return Normal(0.0, 1.0).log_prob(mu)

    before = signal.getsignal(number)
    folder = tmp_path / "run" if kept else None
    with pytest.raises(end) as stopped:
        vae.fit(log_joint, {"mu": constraints.real}, steps=100, folder=folder, quiet=True)
    assert signal.getsignal(number) == before
    assert getattr(stopped.value, "code", None) == status
    said = capsys.readouterr().err if status else str(stopped.value)
    assert f"{number.name}: {'saved' if kept else 'stopped'} at step" in said
    assert ("go on with resume=True" in said) == kept


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda fit: fit.predict(lambda z: z, 2), "to predict asks for z; the latents are mu"),
        (lambda fit: fit.predict(lambda: 1, 2), "to predict takes no mu, which is among the lat"),
        (
            lambda fit: fit.predict("mu", 2),
            "to predict must be a function of the latents; got 'mu'",
        ),
        (lambda fit: fit.predict(lambda mu: "a", 2), "must return a tensor or several.*got 'a'"),
        (lambda fit: fit.log_prob(torch.zeros(3)), r'by name, {"mu": ...}; got Tensor'),
        (lambda fit: fit.log_prob({"nu": torch.zeros(3)}), r'{"mu": ...}; got \[\'nu\'\]'),
        (lambda fit: fit.report("x", chains=3), "chains must be those of vae.mcmc.* got 3"),
        (lambda fit: fit.report(3), "folder must be the path of a folder; got 3"),
    ],
)
def test_what_a_fit_cannot_answer_is_said_in_a_sentence(asked, words):
    fit = vae.fit(log_joint, REAL, steps=1, quiet=True)
    with pytest.raises(ValueError, match=words):
        asked(fit)


def test_a_report_needs_a_folder_that_can_be_one(tmp_path):
    (tmp_path / "file").write_text("")
    fit = vae.fit(log_joint, REAL, steps=1, quiet=True)
    with pytest.raises(OSError, match=r"cannot write to .*file.* another folder: fit\.report"):
        fit.report(tmp_path / "file")


def test_a_gradient_to_one_of_the_parts_is_enough():
    for latents in (REAL, {**REAL, "nu": constraints.real}):
        fit = vae.fit(
            lambda mu, nu=0: torch.zeros(()), latents,
            log_likelihood=lambda batch, mu, nu=0: -((batch["x"] - mu) ** 2),
            data={"x": torch.zeros(3)}, **FEW,
        )  # fmt: skip
        assert fit.q.mean.isfinite().all()
    detached = vae.fit(lambda mu: log_joint(mu).detach(), REAL, estimator="score", **FEW)
    assert detached.q.mean.isfinite().all()


def test_a_number_is_a_shape():
    fit = vae.fit(lambda mu: log_joint(mu).sum(), {"mu": (constraints.real, 3)}, **FEW)
    assert fit.sample(2)["mu"].shape == (2, 3)


def test_a_folder_that_cannot_be_written_is_that_of_fit(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write to .* another folder: folder="):
        vae.fit(log_joint, REAL, folder=tmp_path / "file", **FEW)


def test_a_log_joint_that_is_not_finite_at_draws_ends_the_run():
    for border in (-1e-9, -0.3):  # at every step, or in a validation
        with pytest.raises(ValueError, match="at draws of q, so that the run cannot go on: where"):
            vae.fit(lambda mu, b=border: torch.where(mu < b, torch.nan, log_joint(mu)), REAL, **FEW)


def test_a_quiet_run_tells_its_skipped_steps_once(recwarn):
    calls = []

    def log_joint_with_a_gap(mu):
        calls.append(1)
        return log_joint(mu) * (torch.nan if len(calls) in (10, 14) else 1.0)

    vae.fit(log_joint_with_a_gap, REAL, **FEW)
    (told,) = recwarn
    assert re.match("2 of 60 steps were skipped, where the log-joint", str(told.message))


@pytest.mark.parametrize(
    ("convert", "package", "words"),
    [
        (from_pyro, "pyro", "from_pyro needs pyro.*: pip install pyro-ppl"),
        (from_numpyro, "numpyro", "from_numpyro needs numpyro.*: pip install numpyro"),
    ],
)
def test_a_package_that_is_not_there_is_named_with_its_command(
    monkeypatch, convert, package, words
):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=words):
        convert(log_joint)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about itself
@pytest.mark.skipif(not trainer_checks.COMPILES, reason="an older torch")
def test_a_function_of_all_draws_is_compiled():
    fit = vae.fit(log_joint, REAL, vectorized=True, compile=True, steps=5, quiet=True)
    assert fit.q.mean.abs() < 0.1
