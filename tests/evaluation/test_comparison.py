"""Runs beside each other."""

from dataclasses import replace
from statistics import stdev

import pytest
import torch

from tests.evaluation.subjects import Held
from vae.data import DataModule, DataSpec, Splits, TensorExamples
from vae.evaluation import Figure, Report, Run, Section, Subject, compare
from vae.evaluation.best import BETTER, best_of
from vae.evaluation.comparison import by_variant, rates
from vae.evaluation.section import Best

CODES = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
MODEL = {"_target_": "vae.models.VAE", "latent_dim": 10}


def run_of(elbo, *, seed=0, beta=1, judged="0", told=(), source=(), codes=CODES, **config):
    figures = {"elbo": Figure("ELBO", elbo, "nats"), "units": Figure("active units", 4)}
    data = {"data": "held", "binarization": "none", "test_examples": 10, "split_seed": 0}
    section = Section("Bound", figures, series={"kl_per_dim": [1.0, 1.0, 1.0]})
    protocol = {"split": "test", "data": {**data, **dict(told)}, "fingerprint": judged}
    report = Report(protocol, {"bound": section})
    config = {"seed": seed, "objective": {"beta": beta}, "model": MODEL, **config}
    config["data"] = {"seed": seed, "batch_size": 8, "source": dict(source)}
    return Run(f"run{seed}-{beta}", config, report, codes)


def only(report):
    return report.sections["comparison"]


def test_runs_that_differ_in_seeds_only_are_repetitions():
    values = [-3.0, -5.0, -4.5]
    runs = [run_of(value, seed=i) for i, value in enumerate(values)]
    section = only(compare([*runs, run_of(-7.0, beta=4)]))
    assert set(section.series) == {"objective.beta=1", "objective.beta=4"}
    assert section.series["objective.beta=1"]["bound/elbo"] == values
    rows = {row["figure"]: row for row in section.tables["mean ± deviation over runs"]}
    assert rows["ELBO"]["beta=1"] == f"-4.2 ± {stdev(values):.1f}"
    assert rows["ELBO"]["beta=4"] == "-7"  # one run has no deviation
    assert rows["active units"]["beta=1"] == "4"  # nor have equal values


@pytest.mark.parametrize(
    ("variants", "best"),
    [
        ({"a": [(-10.0, 0.5)], "b": [(-13.0, 0.5)]}, "a"),
        ({"a": [(-10.0, 0.5)], "b": [(-11.0, 0.5)]}, None),  # within the error
        ({"a": [(-10.0, None)], "b": [(-13.0, None)]}, None),  # whose error is not known
        ({"a": [(-13.0, 9.0), (-13.2, 9.0)], "b": [(-10.0, 9.0), (-10.2, 9.0)]}, "b"),
        ({"a": [(-10.0, 0.1)], "b": []}, None),
    ],
)
def test_the_best_is_marked_only_beyond_the_error(variants, best):
    cells = {
        name: [Figure("ELBO", value, "nats", error) for value, error in runs]
        for name, runs in variants.items()
    }
    assert best_of(cells, BETTER["elbo"]) == best
    assert best_of(cells, BETTER.get("kl")) is None  # of which neither direction is the better
    if best:
        assert best_of(cells, BETTER["nll"]) != best


def test_the_best_of_a_row_is_marked_in_the_table():
    runs = [run_of(-3.0 - i / 100, seed=i) for i in range(3)]
    others = [run_of(-7.0 + i / 100, seed=i, beta=4) for i in range(3)]
    row, units = only(compare([*runs, *others])).tables["mean ± deviation over runs"]
    assert isinstance(row["beta=1"], Best)
    assert not any(isinstance(value, Best) for value in (row["beta=4"], *units.values()))


def test_a_class_is_named_by_its_own_name_and_what_only_one_has_is_told():
    vamp = {"prior": {"_target_": "vae.priors.VampPrior", "num_components": 50}}
    plain = {"prior": {"_target_": "vae.priors.StandardNormal"}}
    section = only(compare([run_of(-1.0, **vamp), run_of(-2.0, **plain)]))
    assert set(section.series) == {
        "prior=VampPrior, prior.num_components=50",
        "prior=StandardNormal",
    }


def test_a_variant_is_named_by_what_was_chosen_not_by_what_follows():
    """A run of so many steps has no limit of epochs, and validates as its length suits."""
    steps = {"max_steps": 300, "max_epochs": -1, "check_val_every_n_epoch": 3}
    epochs = {"max_steps": -1, "max_epochs": 5, "check_val_every_n_epoch": 1}
    section = only(compare([run_of(-1.0, trainer=steps), run_of(-2.0, trainer=epochs)]))
    assert list(section.series) == ["trainer.max_steps=300", "trainer.max_epochs=5"]
    often = {**steps, "check_val_every_n_epoch": 1}
    section = only(compare([run_of(-1.0, trainer=steps), run_of(-2.0, trainer=often)]))
    assert len(section.series) == 2  # where nothing else tells them apart, they stay apart


def test_the_protocol_of_several_runs_is_what_they_have_in_common():
    runs = [run_of(-1.0), run_of(-2.0, seed=1, told={"split_seed": 1})]
    for i, run in enumerate(runs):
        run.report.protocol.update({"checkpoint": f"run{i}/best.ckpt"})
    runs = [run._replace(report=replace(run.report, title="held · mlp")) for run in runs]
    report = compare(runs)
    assert report.title == "held · mlp: 2 runs compared"
    assert report.protocol["split"] == "test"
    assert report.protocol["checkpoint"] == "differs"
    assert report.protocol["data"]["test_examples"] == 10
    assert report.protocol["data"]["split_seed"] == "differs"


def test_each_variant_is_a_point_of_rate_and_distortion():
    def at(kl, likelihood, **choice):
        run = run_of(likelihood - kl, **choice)
        terms = {"kl": Figure("KL", kl), "log_likelihood": Figure("log p(x|z)", likelihood)}
        run.report.sections["bound"].figures.update(terms)
        return run

    runs = [at(2.0, -5.0), at(4.0, -6.0, seed=1), at(1.0, -9.0, beta=4)]
    assert rates(by_variant(runs)) == [
        ("objective.beta=1", 3.0, 5.5),
        ("objective.beta=4", 1.0, 9.0),
    ]
    assert "rate and distortion" in only(compare(runs)).pictures
    assert not only(compare([run_of(-1.0), run_of(-2.0, beta=4)])).pictures


def test_a_figure_that_one_run_lacks_is_unknown_there():
    with_units, without = run_of(-1.0), run_of(-2.0, seed=1)
    del without.report.sections["bound"].figures["units"]
    series = only(compare([with_units, without])).series
    assert series["all"]["bound/units"] == [4, None]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"split_seed": 1}, {}, r"split_seed 1 and 0\): compare.*with \+data\.split_seed=0$"),
        ({"test_examples": 20}, {}, r"test_size 20 and 10\).*\+data\.test_size=10$"),
        ({"dequantize": "True"}, {"dequantize": "False"}, r"\+data\.dequantize=False$"),
        ({"data": "other", "split_seed": 1}, {}, r"\(data other and held\).*same examples$"),
        ({}, {}, "their files differ"),
    ],
)
def test_figures_of_other_examples_are_not_compared(one, other, words):
    with pytest.raises(ValueError, match=rf"^run1-1 and run0-1 were judged.*{words}"):
        compare([run_of(-1.0, told=other), run_of(-2.0, seed=1, told=one, judged="1")])
    assert compare([run_of(-1.0, told=other), run_of(-2.0, seed=1, told=one)])


def test_how_files_are_read_may_be_what_differs():
    first, second = (
        run_of(-1.0, source={"mode": "rgb"}),
        run_of(-2.0, judged="1", source={"mode": "gray"}),
    )
    with pytest.raises(ValueError, match=r"data\.mode gray and rgb.*\+data\.mode=rgb$"):
        compare([first, second])


def judged(x, split_seed=0, seed=0, test_size=20, max_examples=None, **settings):
    spec = DataSpec("grey", (1, 3, 3), "unit_interval", 256)
    source = Held(spec, TensorExamples(x))
    source.load = lambda: Splits(TensorExamples(x))
    sizes = {"split_seed": split_seed, "seed": seed, "test_size": test_size}
    data = DataModule(source, batch_size=4, **sizes, **settings)
    model = torch.nn.Linear(1, 1)
    model.fields = ("x",)
    return Subject(model, data, max_examples=max_examples).protocol["fingerprint"]


def test_a_fingerprint_is_of_the_examples_as_they_are_judged():
    x = torch.randint(0, 256, (100, 1, 3, 3), generator=torch.Generator().manual_seed(0)).byte()
    others = [
        {"x": x ^ 1},
        {"test_size": 21},
        {"max_examples": 7},
        {"split_seed": 1},
        {"dequantize": True},
        {"binarization": "static"},
        {"binarization": "threshold"},
        {"binarization": "dynamic"},
        {"binarization": "dynamic", "split_seed": 1},
    ]
    found = [judged(**{"x": x, **given}) for given in ({}, *others)]
    assert len(set(found)) == len(found)
    for same in ({"seed": 5}, {"train_size": 30}, {"val_size": 11}, {"eval_batch_size": 3}):
        assert judged(x, **same) == found[0]
        assert judged(x, binarization="dynamic", **same) == found[-2]


def test_runs_that_find_the_same_codes_in_another_order_agree():
    mixed = CODES @ torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1))).Q
    scores = {}
    for name, other in {"permuted": -CODES[:, [2, 0, 1]], "rotated": mixed}.items():
        section = compare([run_of(-1.0), run_of(-2.0, seed=1, codes=other)]).sections["udr"]
        scores[name] = [row["UDR"] for row in section.tables["median over the other runs"]]
    assert min(scores["permuted"]) > 0.85
    assert max(scores["rotated"]) < 0.6
    assert "udr" not in compare([run_of(-1.0), run_of(-2.0, beta=4)]).sections
    without = [run_of(-1.0, seed=k, codes=CODES[:, :0]) for k in range(2)]
    assert "udr" not in compare(without).sections
