"""The best weights are picked by what the objective is after, unless the user names a figure."""

import pytest
import torch

from tests.cli.command import TINY, array, call
from tests.compose import settings_of
from tests.training.conftest import IGNORED
from vae.build import build_model, build_objective
from vae.cli.monitor import settle_monitor
from vae.data import DataSpec
from vae.training.meter import with_totals

pytestmark = [pytest.mark.filterwarnings(f"ignore:{message}") for message in IGNORED]
AUTOENCODER = [*TINY, "posterior=constant", "objective.beta=0", "test=false"]
NETS = ["model=mlp", "model.encoder.hidden=[4]", "model.latent_dim=2"]
STAGES = ["objective.num_samples.values=[1,2]", "objective.num_samples.starts=[9]"]
PICKED = {
    "ae": "-val/loss",
    "rae_gp": "-val/loss",
    "wae_mmd": "-val/loss",
    "aae": "-val/loss",
    "beta_vae": "-val/loss",
    "dip_vae_i": "-val/loss",
    "burda_iwae": "-val/loss",
    "renyi": "-val/loss",
    "burda_vae": "val/elbo",
    "stl": "val/elbo",
    "sigma_vae": "val/elbo",
    "capacity": "val/elbo",  # which is scheduled
}


def objective_of(*overrides):
    settings = settings_of(*overrides, *NETS)
    spec = DataSpec("pictures", (1, 8, 8), "boolean", levels=None)
    return settings, build_objective(settings, build_model(settings, spec), spec)


@pytest.mark.parametrize("experiment", PICKED)
def test_each_experiment_has_a_figure(experiment):
    settings, objective = objective_of(f"experiment={experiment}")
    settled = settle_monitor(settings, objective)
    assert settled["monitor"] == objective.monitor == PICKED[experiment]
    assert settled["callbacks"]["checkpoint"]["monitor"] == PICKED[experiment]


@pytest.mark.parametrize(
    ("overrides", "monitor"),
    [
        ([], "val/elbo"),
        (["objective=free_bits"], "-val/loss"),
        (["+schedule@objective.beta=linear", "objective.beta.steps=5"], "val/elbo"),
        (["objective=iwae", "+schedule@objective.num_samples=stages", *STAGES], "-val/loss"),
    ],
)
def test_a_loss_that_changes_its_meaning_picks_nothing(overrides, monitor):
    assert objective_of("data=mnist", *overrides)[1].monitor == monitor


def test_a_named_figure_goes_first_and_lightning_is_told_of_the_minus():
    overrides = ["data=mnist", "callbacks=[default,early_stopping]"]
    settings, objective = objective_of(*overrides, "objective.beta=0")
    stopping = settle_monitor(settings, objective)["callbacks"]["early_stopping"]
    assert (stopping["monitor"], stopping["mode"]) == ("val/loss", "min")
    settings, objective = objective_of(*overrides, "objective.beta=0", "monitor=val/elbo")
    settled = settle_monitor(settings, objective)
    assert settled["monitor"] == settled["callbacks"]["checkpoint"]["monitor"] == "val/elbo"
    assert settled["callbacks"]["early_stopping"]["mode"] == "max"
    settings["callbacks"]["early_stopping"]["monitor"] = "-val/kl"
    settled = settle_monitor(settings, objective)
    assert settled["callbacks"]["early_stopping"]["monitor"] == "val/kl"
    assert settled["callbacks"]["checkpoint"]["monitor"] == "val/elbo"


def test_the_loss_is_the_sum_of_the_terms_without_those_of_a_game():
    terms = {"objective/reconstruction": 3.0, "objective/dip": 2.0}
    game = {"objective/factor": 7.0, "objective/factor_discriminator": 11.0}
    figures = with_totals({"log_likelihood": -3.0, "kl": 1.0, **terms, **game})
    assert (figures["loss"], figures["elbo"]) == (5.0, -4.0)


def state_of(folder, name="best"):
    saved = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return saved["callbacks"]["Checkpoints"]


def test_an_autoencoder_is_picked_by_its_loss(monkeypatch, capsys, tmp_path):
    arguments = [*AUTOENCODER, array(tmp_path), "callbacks=[default,early_stopping]"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    state = state_of(tmp_path / "run")
    assert state["monitor"] == "val/loss"
    assert f"best.ckpt by val/loss {state['best_model_score']:.3f}" in told


def test_a_run_picked_by_another_figure_goes_on(monkeypatch, capsys, tmp_path):
    """As one of before, whose best was told by the ELBO: no loss is ever below such a number."""
    arguments = [*AUTOENCODER, array(tmp_path)]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, "monitor=val/elbo")
    assert status == 0, message
    assert state_of(tmp_path / "run")["monitor"] == "val/elbo"
    resume = [f"resume='{tmp_path / 'run'}'", "monitor=null", "trainer.max_epochs=2"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *resume)
    assert status == 0, message
    assert "best.ckpt by val/loss" in told
    assert state_of(tmp_path / "run")["monitor"] == "val/loss"
