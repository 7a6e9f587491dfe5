"""``stage=prior``: a prior that is fitted to the codes of a trained model, all else untouched."""

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import TINY, call
from tests.models.ladder import Ladder
from vae.cli import app
from vae.saved import read_checkpoint, read_saved
from vae.training.fitted_prior import hold_all_but_prior

STAGE = ["stage=prior", "checkpoint=base", "trainer=cpu", "logger=none", "~callbacks.pictures"]
BASE = ["likelihood=normal_optimal", "data.standardize=true"]  # statistics that a step changes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Hold examples of two kinds, and a model of them that was trained a little."""
    folder = tmp_path_factory.mktemp("fitted")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 6)) + 4 * rng.integers(0, 2, size=(160, 1))
    np.savez(folder / "vectors.npz", x=x.astype(np.float32), label=(x[:, 0] > 2).astype(np.int64))
    return folder


def trained(monkeypatch, capsys, folder, *arguments, name="base"):
    """Train a model once."""
    if not (folder / name).exists():
        given = [*TINY, "data.path=vectors.npz", "logger=none", "~callbacks.pictures", *arguments]
        place = f"hydra.run.dir={name}"
        status, _, message = call(monkeypatch, capsys, folder, *given, place, "test=false")
        assert status == 0, message


def held(path):
    """Return the weights and buffers of a run but those of its prior."""
    return {k: v for k, v in read_saved(path).state.items() if not k.startswith("prior.")}


PRIORS = [
    ["prior=mixture", "prior.num_components=3", "callbacks=[default,ema]"],
    pytest.param(["prior=two_stage", "prior.hidden=[8]", "optimizer=sgd"], marks=pytest.mark.slow),
    pytest.param(["prior=vamp", "prior.num_components=4"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize("prior", PRIORS)
def test_all_other_weights_stay_to_the_bit(monkeypatch, capsys, folder, prior):
    """Those of a likelihood that learns its scale from batches, and standardised data, as well."""
    trained(monkeypatch, capsys, folder, *BASE)
    name = prior[0].partition("=")[2]
    arguments = [*STAGE, *prior, "test=false", f"hydra.run.dir={name}"]
    status, _, message = call(monkeypatch, capsys, folder, *arguments)
    assert status == 0, message
    before, after = held(folder / "base"), held(folder / name)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    exported = vae.export(folder / name, folder / f"{name}-export")
    samples = []
    for path in (folder / name, exported):
        torch.manual_seed(0)
        samples.append(vae.load(path).sample(64))
    assert torch.equal(*samples)
    arguments = [f"checkpoint={name}", "test_samples=2", "report=bound"]
    status, _, message = call(monkeypatch, capsys, folder, *arguments, command=app.evaluate)
    assert status == 0, message


@pytest.mark.slow
def test_a_resumed_fit_is_the_same(monkeypatch, capsys, folder):
    """Relative paths hold from another folder."""
    trained(monkeypatch, capsys, folder, *BASE)
    shared = [*STAGE, "prior=mixture", "prior.num_components=3", "test=false"]
    for name, epochs in (("whole", 4), ("parts", 2)):
        length, place = f"trainer.max_epochs={epochs}", f"hydra.run.dir={name}"
        arguments = [*shared, length, place, "scheduler=constant"]
        status, _, message = call(monkeypatch, capsys, folder, *arguments)
        assert status == 0, message
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    arguments = [f"resume='{folder / 'parts'}'", "trainer.max_epochs=4"]
    status, _, message = call(monkeypatch, capsys, elsewhere, *arguments)
    assert status == 0, message
    whole, parts = (
        read_checkpoint(folder / name / "checkpoints" / "last.ckpt") for name in ("whole", "parts")
    )
    assert whole["global_step"] == parts["global_step"]
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, parts["state_dict"][name]), name


WRONG = {
    "no checkpoint": (["stage=prior"], "give checkpoint=<its run folder>"),
    "no stage": (["checkpoint=base"], "to go on with its run give resume=base"),
    "a stage that is none": (["stage=all"], "stage must be one of null, prior"),
    "nothing there": (["stage=prior", "checkpoint=absent"], "no checkpoint at absent"),
    "a prior that learns nothing": (STAGE, "StandardNormal has no parameters to fit"),
    "a prior of another space": ([*STAGE, "prior=gamma"], "live on different spaces"),
    "another net": ([*STAGE, "prior=normal", "model=conv"], "leave model=conv out"),
    "another loss": ([*STAGE, "prior=normal", "objective.beta=2"], "leave objective.beta=2 out"),
    "no path": (["stage=prior", "checkpoint=3"], "the path of one run; got 3"),
    "a setting of other data": ([*STAGE, "data.root=a"], "are added: +data.root=a"),
    "more than codes": (
        [*STAGE, "prior=mixture", "prior.num_components=999"],
        "use a smaller prior.num_components",
    ),
    "an export": (["stage=prior", "checkpoint=export", "prior=normal"], "give data= as well"),
    "other data": (
        [*STAGE, "prior=normal", "data=sprites", "data.size=100"],
        "trained on data of shape (6,)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused(monkeypatch, capsys, folder, name):
    trained(monkeypatch, capsys, folder, *BASE)
    if not (folder / "export").exists():
        vae.export(folder / "base", folder / "export")
    arguments, told = WRONG[name]
    status, _, message = call(monkeypatch, capsys, folder, *arguments, "hydra.run.dir=refused")
    assert (status, message.count("\n")) == (2, 1), message
    assert told in message
    assert not (folder / "refused").exists()


def test_a_model_without_a_prior_is_refused():
    with pytest.raises(ValueError, match="named prior; Ladder has none"):
        hold_all_but_prior(Ladder(1, 8))


@pytest.mark.slow
def test_a_conditional_model_gets_a_prior_of_each_class(monkeypatch, capsys, folder):
    trained(monkeypatch, capsys, folder, "model.condition=[label]", name="conditional")
    arguments = ["stage=prior", "checkpoint=conditional", "prior=normal", *STAGE[2:]]
    given = ["prior.conditional=true", "hydra.run.dir=fitted", "test=false"]
    status, _, message = call(monkeypatch, capsys, folder, *arguments, *given)
    assert status == 0, message
    model = vae.load(folder / "fitted")
    assert model.sample(5, given={"label": 1}).shape == (5, 6)
    assert model.prior.shifts.weight.abs().sum() > 0
