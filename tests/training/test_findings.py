"""A collapse, unused dimensions and a σ at its bound are said once, when they last."""

from dataclasses import replace

import pytest
import torch
from torch import distributions
from torch.distributions import Independent, OneHotCategorical

from tests.training.runs import make_run, make_trainer
from vae.distributions import FixedScale, LearnedScale, Normal, PixelwiseScale
from vae.evaluation import LatentStatistics
from vae.objectives import ELBO, Cyclical, LinearSchedule, Stages
from vae.trace import Latent, Trace
from vae.training import findings
from vae.training.callbacks import Latents, ProgressLine
from vae.training.findings import Findings, Validation, at_bound, settled, unused_variables

HEALTHY = Validation(5000, 10_000, kl=9.0, unused=[], num_variables=10)
COLLAPSED = replace(HEALTHY, kl=0.01, unused=list(range(10)))
UNUSED = replace(HEALTHY, unused=[2, 7])
AT_BOUND = replace(HEALTHY, scale="σ is at its lower bound")


@pytest.mark.parametrize(
    ("validation", "told"),
    [(COLLAPSED, "say nothing about x"), (UNUSED, "2 of 10 latent"), (AT_BOUND, "lower bound")],
)
def test_what_two_validations_show_is_said_once(validation, told):
    kept = Findings()
    said = [kept.tell(shown) for shown in (validation, HEALTHY, validation, validation, validation)]
    assert [len(lines) for lines in said] == [0, 0, 0, 1, 0]
    assert told in said[3][0]
    assert "\n" not in said[3][0]


def test_a_collapse_is_not_said_again_dimension_by_dimension():
    kept = Findings()
    said = [kept.tell(shown) for shown in (COLLAPSED, COLLAPSED, UNUSED, UNUSED)]
    assert [len(lines) for lines in said] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "early",
    [
        replace(COLLAPSED, step=3000),  # it may still come
        replace(UNUSED, step=4000),
        replace(COLLAPSED, settled=False),  # a weight is on its way
        replace(UNUSED, settled=False),
        replace(COLLAPSED, step=400, total_steps=500),
        replace(AT_BOUND, step=400, total_steps=500),
        HEALTHY,
    ],
)
def test_there_is_no_false_alarm(early):
    kept = Findings()
    assert [kept.tell(early) for _ in range(3)] == [[], [], []]


def test_a_weight_that_is_on_its_way_is_not_settled():
    def at(weight, before, now):
        steps = {"before": before, "now": now, "end": 1000}
        return settled(ELBO(beta=weight), steps)

    assert at(1.0, 0, 10)
    assert [at(LinearSchedule(1.0, steps=500), now - 50, now) for now in (100, 500, 600)] == [
        0,
        0,
        1,
    ]
    assert [at(Cyclical(1.0, period=400), now - 20, now) for now in (100, 380)] == [0, 1]
    assert [at(Stages([0, 1], starts=[500]), now - 50, now) for now in (200, 520, 600)] == [0, 0, 1]


def normal_at(scale, raw):
    head = Normal((4,), scale=scale)
    if isinstance(scale, LearnedScale):
        scale.start_at(torch.tensor(raw))
    params = torch.full((1, 8, *head.param_shape), float(raw))
    return head, head(params)


@pytest.mark.parametrize(
    ("scale", "raw", "told"),
    [
        (LearnedScale(), -20.0, "lower bound, 0.0009:"),
        (LearnedScale(), 20.0, "upper bound, 148:"),
        (LearnedScale(), -5.0, None),
        (PixelwiseScale(), -200.0, "lower bound, 0.0009 for 100% of the values"),
        (PixelwiseScale(), -3.0, None),
        (FixedScale(1e-4), 0.0, None),  # as it was chosen
    ],
)
def test_a_learned_scale_at_its_bound_is_seen(scale, raw, told):
    model, px = normal_at(scale, raw)
    words = at_bound(model, px)
    assert words is None if told is None else told in words


def test_one_hot_variables_are_counted_whole():
    logits = torch.zeros(20, 2, 3)
    logits[::2, 0, 1] = 5.0
    q = Independent(OneHotCategorical(logits=logits), 1)
    latent = Latent("z", q, q, q.sample((1,)))

    def found(*latents, rows=20):
        statistics = LatentStatistics()
        for _ in range(rows // 20 + 1):
            statistics.update(Trace(latents, ()))
        statistics.count = rows
        return unused_variables(statistics)

    assert found(latent) == ([1], 2)
    assert found(latent, rows=2) == ([], 2)
    maps = Independent(distributions.Normal(torch.randn(20, 2, 1, 2), 1.0), 3)
    maps.base_dist.loc[:, 1, 0, 0] = 0.0
    above = Latent("top", maps, maps, maps.sample((1,)))
    assert found(above, latent) == (["top[1, 0, 0]", "z[1]"], 6)


WARM_UP = ("+schedule@objective.beta=linear", "objective.beta.end=1000")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("objective.beta=1000",), True),
        ((*WARM_UP, "objective.beta.steps=1000"), False),
        ((*WARM_UP, "objective.beta.steps=10"), True),
        (("objective.beta=0",), False),
    ],
)
def test_a_collapse_is_said_in_training(monkeypatch, capsys, tmp_path, overrides, said):
    monkeypatch.setattr(findings, "FEWEST_STEPS", 5)
    module, data = make_run(tmp_path, "optimizer.lr=0.03", *overrides)
    make_trainer(tmp_path, ProgressLine(), Latents(), epochs=9).fit(module, data)
    lines = capsys.readouterr().out.splitlines()
    told = [i for i, line in enumerate(lines) if "latents say nothing about x" in line]
    assert len(told) == said
    if said:
        assert lines[told[0] - 1].split()[:2] >= ["epoch", "3"]
