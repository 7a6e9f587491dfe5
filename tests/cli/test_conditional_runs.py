"""A run with a condition from the command line: its pictures, its files, and what goes on."""

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import TINY, call
from vae.cli import app

FEW = [*TINY, "logger=none", "data.batch_size=16", "scheduler=constant", "threads=1"]
OF_LABEL = ["model.condition=[label]", "prior=normal", "prior.conditional=true"]


def pictures(folder):
    """Write three classes of pictures, of which each is bright in a third of its own."""
    random, label = np.random.default_rng(0), np.arange(120) % 3
    x = random.random((120, 1, 9, 9)) < 0.1
    for row, y in enumerate(label):
        x[row, 0, 3 * y : 3 * y + 3] |= random.random((3, 9)) < 0.8
    np.savez(folder / "digits.npz", x=x.astype(np.uint8), labels=label)
    return f"data.path='{folder / 'digits.npz'}'"


def weights(folder):
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=False)
    return saved["state_dict"]


def test_a_run_shows_each_class_and_all_files_keep_the_condition(monkeypatch, capsys, tmp_path):
    path = pictures(tmp_path)
    status, out, err = call(
        monkeypatch, capsys, tmp_path, *FEW, path, *OF_LABEL, "report=full", "likelihood=bernoulli"
    )
    assert status == 0, err
    assert 'sample(64, given={"label": 0}).shape' in out
    run = tmp_path / "run"
    assert (run / "pictures" / "samples_by_label.png").exists()
    assert "samples by label" in (run / "report.html").read_text(encoding="utf-8")
    exported = vae.load(vae.export(run, tmp_path / "export"))
    drawn = []
    for model in (vae.load(run), exported):
        torch.manual_seed(0)
        drawn.append(model.sample(6, given={"label": 2}))
    assert torch.equal(*drawn)
    evaluation = [f"checkpoint='{run}'", "report=[gallery]", "device=cpu"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *evaluation, command=app.evaluate)
    assert status == 0, err


def test_a_resumed_run_ends_with_the_weights_of_a_whole_one(monkeypatch, capsys, tmp_path):
    path = pictures(tmp_path)
    own = [*FEW, path, *OF_LABEL, "test=false"]
    whole, half = tmp_path / "whole", tmp_path / "half"
    ended = [
        call(monkeypatch, capsys, tmp_path, *arguments)
        for arguments in (
            [*own, "trainer.max_epochs=2", f"hydra.run.dir='{whole}'"],
            [*own, f"hydra.run.dir='{half}'"],
            [f"resume='{half}'", "trainer.max_epochs=2"],
        )
    ]
    assert [status for status, *_ in ended] == [0, 0, 0], ended
    ours, theirs = weights(whole), weights(half)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_real_target_has_a_row_for_each_quantile(monkeypatch, capsys, tmp_path):
    random = np.random.default_rng(0)
    price = random.normal(1000, 200, 200)
    columns = np.stack([2 * price, random.normal(size=200), price], 1)
    table = tmp_path / "houses.csv"
    np.savetxt(table, columns, delimiter=",", header="area,age,price", comments="")
    few = [a for a in FEW if a != "data=array"]
    own = ["data=table", f"data.path='{table}'", "data.target=price", "model.condition=[target]"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *few, *own, *OF_LABEL[1:])
    assert status == 0, err
    assert (tmp_path / "run" / "pictures" / "samples_by_target.png").exists()
    model = vae.load(tmp_path / "run")
    features = model.prior.features(torch.tensor([1000.0, 1200.0]))
    assert features.squeeze().tolist() == pytest.approx([0, 1], abs=0.3)
    assert model.sample(3, given={"target": 900}).shape == (3, 2)


WRONG = {
    "another name": (["model.condition=[lable]"], "data digits have no field lable; they have lab"),
    "top level": (["condition=[label]"], "did you mean model.condition=[label]?"),
    "another prior": ([OF_LABEL[0], OF_LABEL[2]], "use prior=normal prior.conditional=true"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_slip_is_told_in_a_sentence(monkeypatch, capsys, tmp_path, name):
    overrides, told = WRONG[name]
    path = pictures(tmp_path)
    status, _, err = call(monkeypatch, capsys, tmp_path, *FEW, path, *overrides)
    assert status == 2
    assert told in err
