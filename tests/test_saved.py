"""What a file that holds a model must not hold, whoever reads it."""

import hashlib
import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

import vae
from tests.cli.command import TINY, array, call
from vae.cli import app
from vae.saved import CONFIG, WEIGHTS


def changed(path, change):
    """Change a checkpoint in its place."""
    checkpoint = torch.load(path, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)


def first(weights):
    """Return the name of a weight of the model."""
    return next(name for name in weights if name.endswith("weight"))


def loader_of(checkpoint):
    """Return what a checkpoint holds of the batches."""
    return checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"][0]


@pytest.fixture
def trained(monkeypatch, capsys, tmp_path):
    """The checkpoints of a run with averaged weights."""
    arguments = [*TINY, array(tmp_path), "test=false", "callbacks=[default,ema]", "logger=none"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    return tmp_path / "run" / "checkpoints"


@pytest.mark.parametrize("value", [math.nan, -math.inf])
@pytest.mark.parametrize("state", ["state_dict", "current_model_state"])
def test_weights_that_are_not_finite_are_refused_by_every_reader(
    monkeypatch, capsys, trained, state, value
):
    folder, names = trained.parents[1], set()

    def spoil(checkpoint):
        names.add(first(checkpoint[state]))
        checkpoint[state][first(checkpoint[state])][0] = value

    for path in trained.glob("*.ckpt"):
        changed(path, spoil)
    (name,) = names
    readers = {
        "load": lambda: vae.load(trained / "best.ckpt"),
        "export": lambda: vae.export(trained.parent, folder / "shared"),
    }
    for read in readers.values():
        with pytest.raises(ValueError, match=rf"best.ckpt holds the weight {name} .*NaN or inf"):
            read()
    commands = {
        f"checkpoint='{trained}/best.ckpt'": app.evaluate,
        f"resume='{trained}/last.ckpt'": app.train,
    }
    for argument, command in commands.items():
        status, _, message = call(monkeypatch, capsys, folder, argument, command=command)
        assert (status, message.count("\n")) == (2, 1)
        assert f"holds the weight {name} with values that are NaN" in message
    start = [*TINY, array(folder), f"init='{trained.parent}'", f"hydra.run.dir='{folder}/new'"]
    status, _, message = call(monkeypatch, capsys, folder, *start)
    assert (status, f"holds the weight {name}" in message) == (2, True)


def test_an_export_whose_weights_are_not_finite_is_refused(trained, tmp_path):
    folder = vae.export(trained.parent, tmp_path / "shared")
    weights = load_file(folder / WEIGHTS)
    weights[first(weights)][0] = math.nan
    save_file(weights, folder / WEIGHTS)
    config = json.loads((folder / CONFIG).read_text())
    config["sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"model.safetensors holds the weight .*NaN or infinite"):
        vae.load(folder)


WRONG = {
    "data: 5": (lambda c: c["hyper_parameters"]["config"].update(data=5), "data must hold"),
    "source: x": (
        lambda c: c["hyper_parameters"]["config"]["data"].update(source="x"),
        "data.source must hold settings; got 'x'",
    ),
    "penalties: 5": (
        lambda c: c["hyper_parameters"]["config"].update(penalties=5),
        "penalties must hold settings; got 5",
    ),
    "shape: 5": (lambda c: c["hyper_parameters"]["spec"].update(shape=5), "the shape 5"),
    "no tensor": (lambda c: c["state_dict"].update(x=5), "x is no weight but 5"),
}
WRONG_TO_RESUME = {
    "a missing weight": (
        lambda c: [c[s].pop(first(c[s])) for s in ("state_dict", "current_model_state")],
        "lacks the weight",
    ),
    "another shape": (
        lambda c: c["state_dict"].update({first(c["state_dict"]): torch.zeros(2, 2)}),
        "in the shape (2, 2), this run's model in",
    ),
    "no optimizer": (lambda c: c.pop("optimizer_states"), "since it lacks optimizer_states"),
    "no prior": (
        lambda c: c["hyper_parameters"]["config"].pop("prior"),
        "the checkpoint was trained with prior._target_=None, this run has prior._target_=vae",
    ),
    "two processes": (
        lambda c: loader_of(c).update(world_size=2),
        "was trained by 2 processes, this run has 1",
    ),
    "empty loops": (lambda c: c.update(loops={}), "cannot be gone on from: KeyError: 'fit_loop'"),
}


def test_a_checkpoint_with_something_else_in_its_place_is_told_in_a_sentence(
    monkeypatch, capsys, trained
):
    folder, whole = trained.parents[1], (trained / "last.ckpt").read_bytes()
    path = folder / "odd" / "checkpoints" / "odd.ckpt"
    path.parent.mkdir(parents=True)
    read, resume = f"checkpoint='{path}'", f"resume='{path}'"
    options = [*TINY, array(folder), "callbacks=[default,ema]", "logger=none"]
    options.append(f"hydra.run.dir='{folder / 'elsewhere'}'")
    for name, (change, told) in {**WRONG, **WRONG_TO_RESUME}.items():
        path.write_bytes(whole)
        changed(path, change)
        commands = [(app.evaluate, [read])] if name in WRONG else []
        if name != "shape: 5":  # which a resumed run takes from the data
            commands.append((app.train, [*options, resume]))
        for command, arguments in commands:
            status, _, message = call(monkeypatch, capsys, folder, *arguments, command=command)
            assert (status, message.count("\n")) == (2, 1), (name, message)
            assert told in message, name
