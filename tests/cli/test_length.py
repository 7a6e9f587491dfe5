"""A run whose length nobody chose: by the size of its training part, and the same in a resume."""

from math import log

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tests.cli.command import TINY, array, call

NET = ["model=mlp", "model.encoder.hidden=[16]", "model.latent_dim=3", "trainer=cpu"]
QUICK = ["logger=none", "~callbacks.pictures", "test_samples=2"]


def pictures(folder, count):
    """Write grey ramps with some grain, 8×8; return the overrides that train on them."""
    rng = np.random.default_rng(0)
    (folder / "own").mkdir()
    ramp = np.linspace(0, 60, 8)
    for number in range(count):
        slope = np.outer(ramp, np.ones(8)) if number % 2 else np.outer(np.ones(8), ramp)
        x = rng.uniform(40, 180) + slope + rng.normal(0, 4, (8, 8))
        Image.fromarray(x.clip(0, 255).round().astype(np.uint8)).save(folder / f"own/{number}.png")
    place = [f"data.root='{folder / 'own'}'", f"data.cache='{folder / 'cache'}'"]
    return ["data=images", *place, "data.image_size=8", "data.mode=gray", *NET, *QUICK]


def numbers(folder):
    """Return what the last checkpoint says of the length, and its learning rate."""
    saved = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    config = saved["hyper_parameters"]["config"]
    trainer = config["trainer"]
    length = (
        config["data"]["batch_size"],
        trainer["max_epochs"],
        trainer["check_val_every_n_epoch"],
    )
    return length, saved["global_step"], saved["optimizer_states"][0]["param_groups"][0]["lr"]


@pytest.mark.parametrize(
    ("likelihood", "uniform"),
    [([], 0.0), (["likelihood=discretized_logistic"], -64 * log(256))],
)
def test_a_folder_of_few_pictures(monkeypatch, capsys, tmp_path, likelihood, uniform):
    given = [*pictures(tmp_path, 50), *likelihood, "data.min_steps=120", "optimizer.lr=2e-2"]
    status, out, message = call(monkeypatch, capsys, tmp_path, *given)
    assert status == 0, message
    told = " ".join(out.split())
    assert (
        "40 examples: batch 8, 24 epochs, 120 steps (trainer.max_epochs=null: at least 120)" in told
    )
    assert "trainer.max_epochs=48" in out
    length, step, rate = numbers(tmp_path)
    assert (length, step) == ((8, 24, 1), 120)
    assert rate == pytest.approx(2e-2 * 1e-4)  # one cycle has come to its end
    recorded = yaml.safe_load((tmp_path / "run" / ".hydra" / "config.yaml").read_text())
    assert recorded["data"]["batch_size"] == 8
    assert recorded["trainer"]["max_epochs"] == 24
    figures = yaml.safe_load((tmp_path / "run" / "metrics.json").read_text())["bound"]["figures"]
    assert figures["elbo"] > uniform + 20


@pytest.mark.parametrize("count", [3, 12])
def test_a_folder_that_is_smaller_than_any_batch(monkeypatch, capsys, tmp_path, count):
    given = [*pictures(tmp_path, count), "data.min_steps=20"]
    status, out, message = call(monkeypatch, capsys, tmp_path, *given)
    assert status == 0, message
    assert f"{max(1, count - 2)} example" in out


def test_what_is_given_stays_and_the_rest_suits_it(monkeypatch, capsys, tmp_path):
    given = [*pictures(tmp_path, 50), "test=false", "data.batch_size=10", "trainer.max_steps=124"]
    status, out, message = call(monkeypatch, capsys, tmp_path, *given)
    assert status == 0, message
    assert "40 examples: batch 10, 124 steps, validation every 2 epochs encoder" in " ".join(
        out.split()
    )
    assert numbers(tmp_path)[:2] == ((10, -1, 2), 124)
    resume = [f"resume='{tmp_path / 'run'}'", "trainer.max_steps=130"]
    assert call(monkeypatch, capsys, tmp_path, *resume)[0] == 0
    assert numbers(tmp_path)[1] == 130


def test_a_resumed_run_keeps_the_numbers_that_were_chosen(monkeypatch, capsys, tmp_path):
    """Even where the defaults, or the rule, have become others since."""
    vectors = [*[t for t in TINY if not t.startswith(("data.batch", "trainer.max"))], *QUICK]
    given = [*vectors[:-1], array(tmp_path), "data.min_steps=64", "test=false"]
    assert call(monkeypatch, capsys, tmp_path, *given)[0] == 0
    assert numbers(tmp_path)[:2] == ((16, 16, 1), 64)
    again = [f"resume='{tmp_path / 'run'}'", "data.min_steps=1000"]
    assert call(monkeypatch, capsys, tmp_path, *again)[0] == 2  # it has ended: no longer by a rule
    assert numbers(tmp_path)[:2] == ((16, 16, 1), 64)
    again = [f"resume='{tmp_path / 'run'}'", "trainer.max_epochs=18"]
    status, out, message = call(monkeypatch, capsys, tmp_path, *again)
    assert status == 0, message
    assert "64 examples: batch 16, 18 epochs, 72 steps encoder" in " ".join(out.split())
    assert numbers(tmp_path)[:2] == ((16, 18, 1), 72)
