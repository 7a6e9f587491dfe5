"""The section that all metrics make together."""

import time

import pytest
import torch

from tests.evaluation.disentanglement.cases import factors, mixed
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.cli.compose import compose_settings
from vae.evaluation import Disentanglement, NotApplicable, measure
from vae.evaluation.disentanglement.disentanglement import METRICS
from vae.instantiate import instantiate

QUICK = {"rounds": 1, "num_train": 200, "num_eval": 100}


def make_subject(v, n=400, **settings):
    gold = LinearGaussian()
    torch.manual_seed(0)
    x = gold.marginal.sample((n,)).float()
    return subject_of(gold.factorised().float(), x, factors=v, **settings)


@pytest.fixture
def subject():
    return make_subject(torch.from_numpy(factors(400)))


def test_a_section_has_every_metric_and_the_whole_protocol(subject):
    section = measure(subject, {"it": Disentanglement(**QUICK)}).sections["it"]
    assert set(section.figures) == set(METRICS) - {"dci"} | {
        f"dci_{part}" for part in ("disentanglement", "completeness", "informativeness")
    }
    # Codes that know nothing: below 0 by chance where a held-out area lies below one half.
    assert all(-0.2 < figure.value <= 1 for figure in section.figures.values())
    assert section.protocol["num_points"] == 400
    for name in ("bins", "rounds", "test_fraction", "num_train", "num_eval", "batch_size"):
        assert name in section.protocol
    assert section.protocol["min_std"] == 0.05
    assert "boosted trees" in section.protocol["dci_model"]
    assert section.series["factors"] == ["factor0", "factor1", "factor2"]
    assert torch.tensor(section.series["dci_importance"]).shape == (3, 3)
    (picture,) = section.pictures.values()
    assert picture.pixels.dtype == torch.uint8


def test_it_is_deterministic_and_follows_the_seed():
    v = torch.from_numpy(factors(400))
    first, again, other = (
        measure(make_subject(v, seed=seed), {"it": Disentanglement(**QUICK)}).as_dict()["it"]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first["figures"] != other["figures"]
    assert first["figures"]["mig"] == other["figures"]["mig"]


def test_settings_reach_their_metrics():
    v = torch.from_numpy(factors(400))
    base = Disentanglement(**QUICK)(make_subject(v)).figures
    changed = {
        "bins": (5, {"mig", "modularity"}),
        "quantile": (0.5, {"irs"}),
        "min_std": (100.0, {"factor_vae_score"}),
    }
    for name, (value, affected) in changed.items():
        figures = Disentanglement(**QUICK, **{name: value})(make_subject(v)).figures
        assert {key for key in base if base[key] != figures[key]} == affected


def test_factors_that_cannot_be_judged_are_left_out_and_named():
    v = torch.from_numpy(factors(400))
    v[:, 1] = 7
    rare = torch.cat([v, torch.arange(400)[:, None]], 1)
    section = Disentanglement(**QUICK)(make_subject(rare))
    assert section.protocol["factors"] == ["factor0", "factor2"]
    assert [note.split()[0] for note in section.notes] == ["factor1", "factor3"]
    assert all("split=train" in note for note in section.notes)
    assert all(f.name.endswith(", 2 of 4 factors") for f in section.figures.values())
    fewer = Disentanglement(**QUICK, num_points=200)(make_subject(rare))
    assert all("report.disentanglement.num_points=…" in note for note in fewer.notes)
    with pytest.raises(
        NotApplicable, match="fewer than two factors take two values 10 times .*split=train"
    ):
        Disentanglement(**QUICK)(make_subject(v[:, :2]))
    with pytest.raises(NotApplicable, match="no ground-truth factors"):
        Disentanglement(**QUICK)(make_subject(None))


def test_codes_that_are_not_finite_are_left_out(subject):
    for parameter in subject.model.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    with pytest.raises(NotApplicable, match="not finite"):
        Disentanglement(**QUICK)(subject)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_points": 99},
        {"bins": 1},
        {"rounds": 0},
        {"num_train": 0},
        {"num_eval": 0},
        {"batch_size": 1},
        {"min_std": -1},
        {"test_fraction": 1},
        {"quantile": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Disentanglement(**wrong)


def test_the_config_has_the_defaults():
    settings = compose_settings(["checkpoint=x", "report=disentanglement"], command="eval")
    built = instantiate(settings["report"]["disentanglement"], "report")
    assert built.num_points == Disentanglement().num_points
    assert built.settings == pytest.approx(Disentanglement().settings, abs=1e-4)


@pytest.mark.slow
def test_ten_thousand_points_take_under_a_minute_of_one_core():
    """10,000 × 10 codes × the factors of dSprites, in processor time: others may be at work."""
    z, v = mixed(10_000, (3, 6, 40, 32, 32), dims=10)
    settings = {**Disentanglement().settings, "seed": 0}
    start = time.process_time()
    for _, metric, takes in METRICS.values():
        metric(z, v, **{name: settings[name] for name in takes})
    assert time.process_time() - start < 60
