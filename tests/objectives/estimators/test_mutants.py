"""Wrong formulas in place of right ones, and the check that catches each."""

import pytest
import torch

from tests.objectives.estimators.checks import (
    check_curvature,
    check_expectation,
    check_formula,
    check_outcomes,
    check_squared_weights,
    check_two_bounds,
)
from tests.objectives.estimators.models import OBJECTIVES, K, discrete_model, normal_model
from vae.objectives import IWAE, DReG, Pathwise, ScoreFunction, StickTheLanding, estimators
from vae.objectives import chains as paths
from vae.objectives.estimators import along_paths, curvature, leave_one_out
from vae.objectives.iwae import log_mean_exp

pytestmark = pytest.mark.usefixtures("double_precision")


def expectation_of(name, estimator):
    def check():
        build = OBJECTIVES[name]
        check_expectation(build(estimator()), build(Pathwise()), *normal_model())

    return check


def with_itself(bound, log_w):
    mask = torch.eye(len(log_w), dtype=torch.bool)[..., None]
    return bound(log_w) - bound(torch.where(mask, log_w.mean(0), log_w))


def arithmetic(bound, log_w):
    """The others' arithmetic mean weight: without bias, but not VIMCO's geometric one."""
    others = ((log_w.exp().sum(0) - log_w.exp()) / (len(log_w) - 1)).log()
    mask = torch.eye(len(log_w), dtype=torch.bool)[..., None]
    return bound(log_w) - bound(torch.where(mask, others, log_w))


def across_examples(bound, log_w):
    return leave_one_out(bound, log_w.flatten()[:, None]).reshape(log_w.shape)


def rows_of_the_hessian(bound, log_w):
    with torch.enable_grad():
        leaf = log_w.detach().requires_grad_()
        (first,) = torch.autograd.grad(bound(leaf).sum(), leaf, create_graph=True)
        return torch.autograd.grad(first.sum(), leaf)[0]


def not_fixed(q, z):
    return q.log_prob(z)


def no_path(weights, log_w, trace, again=None):
    return log_w.new_zeros(())


def path_of_all(weights, log_w, trace, again=None):
    """As a product with log w: it also reaches the decoder and the prior."""
    surrogate = (weights * log_w).sum(0).mean()
    return surrogate - surrogate.detach()


def squared_weights():
    check_squared_weights(IWAE(num_samples=K, estimator=DReG()))


def hessian_of_iwae():
    check_curvature(estimators.curvature, log_mean_exp)


EXPECTED_DREG, EXPECTED_SCORE = expectation_of("iwae", DReG), expectation_of("iwae", ScoreFunction)
EXACT_ELBO, EXACT_IWAE = (
    (lambda: check_outcomes("elbo of 3")),
    (lambda: check_outcomes("iwae of 3")),
)
MUTANTS = {
    "dreg: w̃ for w̃²": ("curvature", lambda f, w: 0 * w, [squared_weights, EXPECTED_DREG]),
    "dreg: curvature's sign": (
        "curvature",
        lambda f, w: -curvature(f, w),
        [squared_weights, EXPECTED_DREG, hessian_of_iwae],
    ),
    "dreg: half the curvature": (
        "curvature",
        lambda f, w: curvature(f, w) / 2,
        [squared_weights, EXPECTED_DREG, hessian_of_iwae],
    ),
    "dreg: mean over examples": (
        "curvature",
        lambda f, w: curvature(f, w) / w.shape[1],
        [squared_weights, EXPECTED_DREG, hessian_of_iwae],
    ),
    "dreg: rows of the Hessian": (
        "curvature",
        rows_of_the_hessian,
        [squared_weights, hessian_of_iwae],
    ),
    "dreg: curvature over examples": (
        "curvature",
        lambda f, w: curvature(f, w.T).T,
        [squared_weights, hessian_of_iwae],
    ),
    "dreg: q not fixed": ("fixed_log_prob", not_fixed, [squared_weights, EXPECTED_DREG]),
    "dreg: path lost": ("along_paths", no_path, [squared_weights, EXPECTED_DREG]),
    "dreg: model's weights squared too": ("along_paths", path_of_all, [EXPECTED_DREG]),
    "dreg: half the path": (
        "along_paths",
        lambda *a: along_paths(*a) / 2,
        [squared_weights, EXPECTED_DREG],
    ),
    "stl: value fixed": (
        "fixed_log_prob",
        lambda q, z: q.log_prob(z.detach()),
        [expectation_of("elbo", StickTheLanding)],
    ),
    "stl: half lost": (
        "fixed_log_prob",
        lambda q, z: q.log_prob(z) / 2,
        [expectation_of("elbo", StickTheLanding)],
    ),
    "score: sign": (
        "leave_one_out",
        lambda f, w: -leave_one_out(f, w),
        [EXPECTED_SCORE, EXACT_ELBO, EXACT_IWAE],
    ),
    "score: half lost": (
        "leave_one_out",
        lambda f, w: leave_one_out(f, w) / 2,
        [EXPECTED_SCORE, EXACT_ELBO, EXACT_IWAE],
    ),
    "score: mean over samples": (
        "leave_one_out",
        lambda f, w: leave_one_out(f, w) / len(w),
        [EXPECTED_SCORE, EXACT_ELBO, EXACT_IWAE],
    ),
    "score: its own baseline": ("leave_one_out", with_itself, [EXACT_ELBO, EXACT_IWAE]),
    "score: arithmetic mean": (
        "leave_one_out",
        arithmetic,
        [lambda: check_formula("iwae", discrete_model)],
    ),
    "score: baseline of other examples": (
        "leave_one_out",
        across_examples,
        [
            lambda: check_formula("elbo", discrete_model),
            lambda: check_formula("iwae", discrete_model),
        ],
    ),
    "score: path kept": ("along_paths", no_path, [EXPECTED_SCORE]),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant, monkeypatch):
    function, wrong, checks = MUTANTS[mutant]
    monkeypatch.setattr(paths if function == "fixed_log_prob" else estimators, function, wrong)
    for check in checks:
        with pytest.raises(AssertionError):
            check()


PIWAE_MUTANTS = {
    "piwae: one group": ("mean_of_groups", lambda w, m: log_mean_exp(w)),
    "piwae: normalised over groups": (
        "mean_of_groups",
        lambda w, m: log_mean_exp(w.unflatten(-2, (m, -1)).transpose(-2, -3)).mean(-2),
    ),
    "piwae: path lost": ("along_paths", no_path),
    "piwae: path's sign": ("along_paths", lambda w, *a: along_paths(-w, *a)),
}


@pytest.mark.parametrize("mutant", PIWAE_MUTANTS)
def test_a_mutant_of_piwae_is_caught(mutant, monkeypatch):
    function, wrong = PIWAE_MUTANTS[mutant]
    monkeypatch.setattr(f"vae.objectives.piwae.{function}", wrong)
    with pytest.raises(AssertionError):
        check_two_bounds()
