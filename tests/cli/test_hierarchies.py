"""Hierarchies from the command line: trained on sprites, measured, sampled from the checkpoint."""

import json

import pytest

import vae
from tests.cli.command import call

COMMON = [
    *("data=sprites", "data.size=120", "data.batch_size=16", "trainer=cpu", "trainer.max_steps=4"),
    *("test_samples=2", "report=[bound,hierarchy]", "report.hierarchy.num_examples=12"),
    *("~callbacks.pictures", "logger=csv", "threads=1"),
]
SMALL = ["model.encoder.hidden=[8]", "model.lower_dims=[4,3]", "model.latent_dim=2"]
MODELS = {
    "hvae": SMALL,
    "ladder": [*SMALL, "+schedule@objective.beta.z3=linear"],
    "vdvae": ["model.channels=[8,8,8,8]", "model.blocks=[0,1,1,1]", "gradient_skip=1e9"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_run_says_what_each_level_holds(name, monkeypatch, capsys, tmp_path):
    status, out, err = call(monkeypatch, capsys, tmp_path, f"model={name}", *MODELS[name], *COMMON)
    assert status == 0, err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())["hierarchy"]
    rows = metrics["tables"]["levels from the highest"]
    assert [row["level"] for row in rows] == ["z3", "z2", "z1"]
    kl = sum(row["KL (nats)"] for row in rows)
    assert kl == pytest.approx(metrics["figures"]["kl"], rel=1e-6)
    assert all(note.startswith("Level z") for note in metrics["notes"])
    assert "Level z2 holds" in out
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"latent/z1/kl", "latent/z3/kl"} <= {*header}
    assert vae.load(tmp_path / "run").sample(5, temperature={"z1": 0.5}).shape == (5, 1, 64, 64)
