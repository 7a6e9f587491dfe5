"""Wrong bounds in place of right ones, and the check that catches each."""

from math import log

import pytest

from tests.objectives.bounds.checks import (
    BOUNDS,
    K,
    M,
    check_limits_of_groups,
    check_loops,
    check_rise_to_the_likelihood,
)
from vae.objectives import LogWeightBound
from vae.objectives.iwae import log_mean_exp

pytestmark = pytest.mark.usefixtures("double_precision")


class Mutant(LogWeightBound):
    name = "mutant"

    def __init__(self, value):
        super().__init__(M * K)
        self._value = value

    def value(self, log_w):
        return self._value(log_w)


def groups(log_w):
    return log_w.unflatten(-2, (M, K))


MUTANTS = {
    "iwae: sign flipped": ("iwae", lambda w: -log_mean_exp(w)),
    "iwae: half lost": ("iwae", lambda w: log_mean_exp(w) / 2),
    "iwae: log K forgotten": ("iwae", lambda w: w.logsumexp(-2)),
    "iwae: log K doubled": ("iwae", lambda w: log_mean_exp(w) - log(M * K)),
    "iwae: mean of logarithms": ("iwae", lambda w: w.mean(-2)),
    "iwae: normalised over examples": ("iwae", lambda w: log_mean_exp(w.mT)),
    "iwae: normalised over all": ("iwae", lambda w: w.flatten().logsumexp(0) - log(w.numel())),
    "iwae: sum over examples": ("iwae", lambda w: log_mean_exp(w).sum()),
    "iwae: surrogate of weighted logarithms": ("iwae", lambda w: (w.softmax(-2) * w).sum(-2)),
    "elbo: sum over samples": ("elbo", lambda w: w.sum(-2)),
    "elbo: maximum over samples": ("elbo", lambda w: w.amax(-2)),
    "miwae: normalised over groups": (
        "miwae",
        lambda w: (groups(w).logsumexp(-3) - log(M)).mean(-2),
    ),
    "miwae: log M for log K": ("miwae", lambda w: groups(w).logsumexp(-2).mean(-2) - log(M)),
    "miwae: sum over groups": ("miwae", lambda w: log_mean_exp(groups(w)).sum(-2)),
    "miwae: one group": ("miwae", log_mean_exp),
    "piwae: the posterior's bound": ("piwae", lambda w: log_mean_exp(groups(w)).mean(-2)),
    "ciwae: β turned round": ("ciwae", lambda w: 0.7 * w.mean(-2) + 0.3 * log_mean_exp(w)),
    "ciwae: mixed within the logarithm": (
        "ciwae",
        lambda w: (0.3 * w.mean(-2).exp() + 0.7 * w.exp().mean(-2)).log(),
    ),
    "renyi: 1 / (1 − α) forgotten": ("renyi 0.5", lambda w: log_mean_exp(0.5 * w)),
    "renyi: 1 / α": ("renyi 2", lambda w: log_mean_exp(-w) / 2),
    "renyi: α − 1": ("renyi 2", log_mean_exp),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant):
    name, value = MUTANTS[mutant]
    with pytest.raises(AssertionError):
        check_loops(Mutant(value), BOUNDS[name][1])


class MiwaeOverGroups(LogWeightBound):
    """The published mistake: M = 1 silently is a plain VAE."""

    name = "mutant"

    def __init__(self, *, num_groups, group_size):
        super().__init__(num_groups * group_size)
        self.num_groups = num_groups

    def value(self, log_w):
        grouped = log_w.unflatten(-2, (self.num_groups, -1))
        return (grouped.logsumexp(-3) - log(self.num_groups)).mean(-2)


def test_miwae_normalised_over_groups_is_caught():
    with pytest.raises(AssertionError):
        check_limits_of_groups(MiwaeOverGroups)


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(lambda w: w.logsumexp(0), id="log K forgotten"),
        pytest.param(lambda w: w.mean(0), id="mean of logarithms"),
        pytest.param(lambda w: (w.softmax(0) * w).sum(0), id="surrogate"),
        pytest.param(lambda w: -log_mean_exp(w), id="sign flipped"),
        pytest.param(lambda w: log_mean_exp(w.T).mean() + w.sum(0) * 0, id="over examples"),
    ],
)
def test_a_mutant_does_not_rise_to_the_likelihood(mutant):
    with pytest.raises(AssertionError):
        check_rise_to_the_likelihood(mutant)
