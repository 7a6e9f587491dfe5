"""A run on standardised vectors speaks their units, and what of before did not is completed."""

import json

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import TINY, call
from vae.cli import app

RUN = [
    *(word for word in TINY if "max_epochs" not in word),
    "data.standardize=true",
    "data.path=x.npy",
    "trainer.max_epochs=4",
]
KEYS = ["model.standardize.scale", "model.standardize.shift"]


@pytest.fixture
def x(tmp_path):
    """Two columns that agree, far from zero, and a narrow one."""
    z = np.random.default_rng(0).normal(size=(600, 2))
    columns = [1000 + 50 * z[:, 0], 1000 + 50 * z[:, 0] + z[:, 1], 1e-3 * z[:, 1]]
    x = np.stack(columns, 1).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    return torch.from_numpy(x)


def done(monkeypatch, capsys, folder, *arguments, command=app.train):
    status, told, message = call(monkeypatch, capsys, folder, *arguments, command=command)
    assert status == 0, message
    return told


def figures_of(path):
    return json.loads((path / "metrics.json").read_text())["bound"]["figures"]


def as_before(path):
    """Turn a checkpoint into what it was before models held statistics; return the model's."""
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["hyper_parameters"]["spec"]["standardized"]
    held = {key: checkpoint["state_dict"].pop(key) for key in KEYS}
    torch.save(checkpoint, path)
    return held


def test_model_and_export_speak_the_units_of_the_file(monkeypatch, capsys, tmp_path, x):
    told = done(monkeypatch, capsys, tmp_path, *RUN)
    assert "the nets see x standardised" in " ".join(told.split())
    vae.export(tmp_path / "run", tmp_path / "shared")
    deviation, mean = torch.std_mean(x, 0)
    torch.manual_seed(0)
    nll = -vae.load(tmp_path / "run").log_likelihood(x, num_samples=100).mean()
    plain = torch.distributions.Normal(mean, deviation).log_prob(x).sum(1).mean()
    assert -nll > plain - 0.5  # not the density of z-scores, which is 0.85 above
    assert nll == pytest.approx(figures_of(tmp_path / "run")["nll"], abs=0.6)
    for place in ("run", "shared"):
        model = vae.load(tmp_path / place)
        assert ((model.sample(9999).mean(0) - mean).abs() < 0.3 * deviation).all()
        error = (model.reconstruct(x) - x).square().mean(0).sqrt() / deviation
        assert (error < 1.1).all()
        assert model.encode(x).mean.std(0).max() > 0.05


def test_a_checkpoint_without_statistics_takes_those_of_the_data(monkeypatch, capsys, tmp_path, x):
    done(monkeypatch, capsys, tmp_path, *RUN)
    run = tmp_path / "run"
    before, model = figures_of(run), vae.load(run)
    held = [as_before(run / "checkpoints" / f"{name}.ckpt") for name in ("best", "last")]
    with pytest.warns(UserWarning, match="neither mean nor width .*: x is in z-scores"):
        plain = vae.load(run)
    assert torch.equal(plain.encode(model.standardized(x)).mean, model.encode(x).mean)
    with pytest.raises(ValueError, match="an export would speak z-scores"):
        vae.export(run, tmp_path / "shared")
    done(monkeypatch, capsys, tmp_path, "checkpoint=run", "test_samples=2", command=app.evaluate)
    after = figures_of(run / "eval")
    assert after["elbo"] == pytest.approx(before["elbo"], abs=1e-5)
    resume = ["resume=run", "trainer.max_epochs=5"]
    done(monkeypatch, capsys, tmp_path, *resume)
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert all(torch.equal(best["state_dict"][key], held[0][key]) for key in KEYS)
    assert best["epoch"] == 4  # judged anew
    assert figures_of(run)["elbo"] == pytest.approx(before["elbo"], abs=0.3)


def test_weights_come_with_the_statistics_they_were_learned_on(monkeypatch, capsys, tmp_path, x):
    done(monkeypatch, capsys, tmp_path, *RUN, "test=false")
    model = vae.load(tmp_path / "run")
    np.save(tmp_path / "other.npy", 2 * x.numpy())
    second = [*RUN, "data.path=other.npy", "test=false", "init=run", "hydra.run.dir=second"]
    done(monkeypatch, capsys, tmp_path, *second)
    other = vae.load(tmp_path / "second")
    assert torch.equal(other.standardize.shift, model.standardize.shift)
    arguments = [*RUN, "init=run", "data.standardize=false", "hydra.run.dir=third"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 2
    assert "was trained with data.standardize=true: use the same here" in message
