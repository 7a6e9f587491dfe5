"""Train, evaluate, sample and resume as a user does, in processes of their own."""

import json
from importlib.metadata import version

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.cli.command import CONV, ROOT, TINY, array, start

TRAIN = [
    *CONV,
    "group_size=5",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=2",
    "callbacks.pictures.columns=2",
]
PICTURES = ("reconstructions", "samples", "traversals")
SCALARS = {
    *(f"{split}/{name}" for split in ("train", "val") for name in ("elbo", "log_likelihood", "kl")),
    *(f"objective/{name}" for name in ("reconstruction", "kl")),
    *(f"latent/{name}" for name in ("active_units", "kl/00", "kl/01", "kl/02")),
    *(f"optimizer/{name}" for name in ("learning_rate", "gradient_norm")),
    "throughput/examples_per_second",
    "test/elbo",
    "test/nll",
}
EVALUATE_RESUME_AND_SAMPLE = """
import runpy, sys
root, run = sys.argv[1:]
best = f"{run}/checkpoints/best.ckpt"
for script, *words in (
    ("eval.py", f"checkpoint='{best}'", "test_samples=2"),
    ("train.py", f"resume='{run}'", "trainer.max_epochs=2", "test=false"),
):
    sys.argv = [f"{root}/{script}", *words]
    runpy.run_path(sys.argv[0], run_name="__main__")
import vae
model = vae.load(best)
x = model.sample(4)
print(tuple(x.shape), bool(x.isfinite().all()), model.training)
"""


def finished(done):
    """Return what a command printed, which must have ended well and without a warning."""
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def check_tensorboard(folder):
    """Check the tags of a run and return its last validation figure."""
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    assert set(tags["scalars"]) >= SCALARS
    assert set(tags["images"]) >= {f"pictures/{name}" for name in PICTURES}
    plugins = events.summary_metadata.values()
    names = {metadata.plugin_data.plugin_name for metadata in plugins}
    assert {"hparams", "custom_scalars"} <= names
    return events.Scalars("val/elbo")[-1].value


def test_train_evaluate_resume_and_sample(tmp_path):
    folder = tmp_path / "ein Läufchen 日本"
    out = finished(start("train.py", *TRAIN, f"hydra.run.dir='{folder}'", folder=tmp_path))
    for word in ("train_examples", "ELBO", "KL(q ‖ p)", "tensorboard --logdir", "eval.py"):
        assert word in out
    best = folder / "checkpoints" / "best.ckpt"
    files = ("environment.json", ".hydra/config.yaml", "checkpoints/last.ckpt", "metrics.json")
    for name in (*files, *(f"pictures/{name}.png" for name in PICTURES)):
        assert (folder / name).stat().st_size > 0, name
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"] == version("torch")
    figures = json.loads((folder / "metrics.json").read_text())["bound"]["figures"]
    assert figures["elbo"] == pytest.approx(figures["log_likelihood"] - figures["kl"])
    assert figures["num_examples"] == 40
    callbacks = torch.load(best, weights_only=True)["callbacks"]
    monitored = next(v["best_model_score"] for k, v in callbacks.items() if "Checkpoint" in k)
    assert check_tensorboard(folder) == pytest.approx(float(monitored), rel=1e-5)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = ["-c", EVALUATE_RESUME_AND_SAMPLE, str(ROOT), str(folder)]
    again = finished(start("", *script, folder=elsewhere))
    assert "ELBO" in again
    assert again.splitlines()[-1] == "(4, 1, 64, 64) True False"
    evaluated = json.loads((folder / "eval" / "metrics.json").read_text())["bound"]["figures"]
    assert evaluated["elbo"] == pytest.approx(figures["elbo"], rel=1e-5)
    assert evaluated["nll"] == pytest.approx(figures["nll"], rel=1e-5)
    with Image.open(folder / "eval" / "pictures" / "interpolations.png") as picture:
        assert picture.mode == "RGB"
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert (last["epoch"], last["global_step"]) == (1, 20)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_a_sweep_trains_each_value_and_reports_its_figure(tmp_path):
    sweep = [*TINY, array(tmp_path), f"hydra.sweep.dir='{tmp_path / 'all'}'", "test=false"]
    finished(start("train.py", "-m", *sweep, "model.latent_dim=2,3", folder=tmp_path))
    for job, latent_dim in enumerate((2, 3)):
        best = tmp_path / "all" / str(job) / "checkpoints" / "best.ckpt"
        config = torch.load(best, weights_only=True)["hyper_parameters"]["config"]
        assert config["model"]["latent_dim"] == latent_dim
