"""A run of a net with a posterior over its weights, from the command line to its predictions."""

import re

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import call
from vae.bayesian import bayesian
from vae.cli import app
from vae.cli.settings_checks import check_read
from vae.distributions import RealResponse
from vae.models import BayesianNet

SHORT = ["model=bayesian", "model.net.hidden=[8]", "trainer=cpu", "trainer.max_epochs=2"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["real", "classes"])
def test_a_run_ends_with_predictions(kind, tmp_path, monkeypatch, capsys):
    noise = np.random.default_rng(0)
    x = noise.normal(size=(200, 2)) * [1, 10]
    y = 1000 + 50 * x[:, 0] if kind == "real" else (x[:, 0] > 0).astype(float)
    table = np.column_stack([x, y])
    np.savetxt(tmp_path / "t.csv", table, delimiter=",", header="a,b,y", comments="", fmt="%.4f")
    given = ["data=table", f"data.path='{tmp_path / 't.csv'}'", "data.target=y"]
    given += [f"data.target_kind={kind}"]
    if kind == "classes":
        given += ["model.weight_prior._target_=vae.bayesian.ScaleMixturePrior"]
    status, out, err = call(monkeypatch, capsys, tmp_path, *SHORT, *given)
    assert status == 0, err
    assert ("root mean squared error" in out) == (kind == "real")
    assert ("calibration error" in out) == (kind == "classes")
    assert "gallery left out: the model predicts" in out
    assert ".predict(torch.zeros(2, 2)).sample()" in out
    assert "−log p(x) is left out" not in out
    model = vae.load(tmp_path / "run")
    p = model.predict(torch.tensor([[0.0, 0.0], [1.0, 5.0]]), 20)
    assert p.sample().shape == (2,)
    if kind == "real":
        assert (p.mean - 1000).abs().max() < 200
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Predictions" in page
    assert "Latent space" not in page
    checkpoint = f"checkpoint='{tmp_path / 'run'}'"
    status, out, err = call(monkeypatch, capsys, tmp_path, checkpoint, command=app.evaluate)
    assert status == 0, err
    assert "log p(y|x), predictive" in out


@pytest.mark.slow
def test_data_that_have_nothing_to_predict_are_refused(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "x.npy", np.zeros((50, 3), dtype=np.float32))
    given = ["data=array", f"data.path='{tmp_path / 'x.npy'}'"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *SHORT, *given)
    assert status != 0
    assert "predicts a label or a real target, and data x have neither" in err


@pytest.mark.parametrize(
    "part", ["prior=vamp", "posterior=nsf", "likelihood.scale=2", "+prior=vamp"]
)
def test_a_part_that_a_net_which_predicts_does_not_read_is_refused(part):
    net = bayesian(torch.nn.Linear(2, 1))
    typed = ["model=bayesian", "weights.prior=1", "model.weight_prior.scale=1"]
    check_read(BayesianNet(net, RealResponse()), typed)
    with pytest.raises(ValueError, match=re.escape(f": leave {part} out")):
        check_read(BayesianNet(net, RealResponse()), [*typed, part])


@pytest.mark.parametrize(
    ("part", "setting"), [("posterior=nsf", "posterior.flow.features"), ("prior=nsf", "prior.feat")]
)
def test_a_flow_of_latents_that_a_net_has_not_is_refused(
    part, setting, tmp_path, monkeypatch, capsys
):
    status, _, err = call(monkeypatch, capsys, tmp_path, part, *SHORT)
    assert status == 2
    assert f"model=bayesian has no latent_dim, to which {setting}" in err
    assert f"leave {part} out, which is for a model with latents of each example" in err
