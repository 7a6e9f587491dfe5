"""Write the files of this folder with revision e27f03b of this project.

    git worktree add --detach ../e27f03b e27f03b
    PYTHONPATH=../e27f03b OMP_NUM_THREADS=1 python -P tests/old_files/make.py

Each case is a run that a signal ended in the midst of its second epoch, as that revision left it:
its record and last checkpoint. Beside it lies what the revision made of them: the export of the run
that it resumed and trained to the end, and in ``expected.json`` the numbers of the checkpoint.
Nothing is known here of the revision but its commands, `vae.load` and `vae.export`.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import lightning.pytorch as pl
import numpy as np
import torch
import yaml

import vae
from vae.build import build_model
from vae.cli import evaluate, train
from vae.cli.compose import CONF, compose_settings
from vae.cli.environment import cpu_name
from vae.data import DataSpec
from vae.instantiate import NAMES

HERE = Path(__file__).parent
STEPS = 10  # of seven an epoch
SMALL = [
    "model=mlp",
    "model.encoder.hidden=[8]",
    "model.latent_dim=3",
    "data.batch_size=8",
    "trainer=cpu",
    "trainer.max_epochs=4",
    "threads=1",
    "group_size=1",
    "test=false",
    "logger=none",
    "~callbacks.pictures",
]
ARRAY = ["data=array", "data.val_size=11", "data.test_size=13", "data.train_size=56"]
VECTORS = [*ARRAY, "data.path=vectors.npy"]
PICTURES = [*ARRAY, "data.path=pictures.npy", "data.binarization=dynamic", "likelihood=bernoulli"]
CASES = {
    "sprites": [
        "data=sprites",
        "data.size=80",
        "data.train_size=56",
        "model=conv",
        "model.encoder.channels=[4,4,4]",
        "callbacks=[default,ema]",
        "optimizer=adam",
        "scheduler=constant",
    ],
    "vamp": [
        *PICTURES,
        "prior=vamp",
        "prior.num_components=4",
        "+schedule@objective.beta=linear",
        "objective.beta.steps=20",
        "accumulate=2",
    ],
    "standardized": [*VECTORS, "data.standardize=true", "scheduler=cosine"],
    "categorical": [*PICTURES, "posterior=categorical", "posterior.num_categories=4"],
    "factor": [
        *VECTORS,
        "objective=iwae",
        "estimator=dreg",
        "penalty=factor",
        "penalties.factor.discriminator.hidden=[8]",
        "posterior=nsf",
        "posterior.flow.hidden_features=[8]",
        "prior=nsf",
        "prior.hidden_features=[8]",
    ],
}


SPEC = DataSpec("gray", (1, 32, 32), "unit_interval", 256)
GRAY = "likelihood=normal_learned"
VARIANTS = [
    *(f"model={name} {GRAY}" for name in ("burda", "burgess", "conv", "gated", "linear")),
    *(f"model={name} {GRAY}" for name in ("locatello", "mlp", "resnet")),
    f"model=resnet model.encoder.attention=true {GRAY}",
    *(f"model=mlp posterior={name} {GRAY}" for name in ("categorical", "constant", "nsf")),
    *(f"model=mlp prior={name} {GRAY}" for name in ("nsf", "vamp")),
    *(f"model=mlp likelihood={name}" for name in ("categorical", "continuous_bernoulli")),
    *(f"model=mlp likelihood=discretized_logistic{name}" for name in ("", "_mixture")),
    *(f"model=mlp likelihood={name}" for name in ("laplace", "normal", "normal_optimal")),
    "model=conv likelihood=normal_pixelwise",
]


class StopAt(pl.Callback):
    """Stands for a machine that is to be switched off."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (1, STEPS - 7):
            os.kill(os.getpid(), signal.SIGTERM)


def command(function, *arguments, status=0, callback=None):
    """Run a command in this process."""
    fit = pl.Trainer.fit

    def watched(trainer, *args, **options):
        trainer.callbacks += [] if callback is None else [callback]
        fit(trainer, *args, **options)

    told, code = io.StringIO(), 0
    with (
        patch.object(pl.Trainer, "fit", watched),
        patch.object(sys, "argv", ["command", *arguments]),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
    ):
        try:
            function()
        except SystemExit as end:
            code = end.code or 0
    if code != status:
        raise RuntimeError(f"{arguments} ended with {code}:\n{told.getvalue()}")


def write_data(folder):
    """Write arrays whose numbers follow from nothing but this line."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 6)) * np.arange(1, 7) + 5
    np.save(folder / "vectors.npy", vectors.astype(np.float32))
    np.save(folder / "pictures.npy", rng.integers(0, 256, (80, 1, 6, 6), dtype=np.uint8))


def numbers(path):
    """Return what the model of a file makes of seeds."""
    model = vae.load(path)
    torch.manual_seed(0)
    samples = model.sample(7)
    pattern = torch.arange(samples[:4].numel()).view(samples[:4].shape) * 7 % 5
    x = pattern.clamp(max=1).float()
    torch.manual_seed(1)
    log_likelihood = model.log_likelihood(x, num_samples=5)
    return {
        "samples": samples.flatten(1)[:, :: max(1, samples[0].numel() // 40)].tolist(),
        "log_likelihood": log_likelihood.tolist(),
    }


def make(name, overrides):
    """Write one case, and return its numbers."""
    run, case = Path("run"), HERE / name
    command(train, *SMALL, *overrides, "hydra.run.dir=run", status=143, callback=StopAt())
    shutil.rmtree(case, ignore_errors=True)
    for part in (".hydra/config.yaml", ".hydra/overrides.yaml", "checkpoints/last.ckpt"):
        (case / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(run / part, case / part)
    last = run / "checkpoints" / "last.ckpt"
    found = {"checkpoint": numbers(last)}
    arguments = ["report=bound", "test_samples=5", "threads=1", "device=cpu", "output=eval"]
    command(evaluate, f"checkpoint={last}", *arguments)
    found["figures"] = json.loads(Path("eval/metrics.json").read_text())["bound"]["figures"]
    command(train, "resume=run")
    vae.export(last, case / "end")
    found["end"] = numbers(case / "end")
    shutil.rmtree(run)
    shutil.rmtree("eval")
    return found


def names():
    """Return the parts that the configs name with their parameters, and the weights of models."""
    parts, models = {}, {}
    for path in sorted(CONF.rglob("*.yaml")):
        group = {"penalty": "penalties", "schedule": "objective"}.get(path.parent.name)
        find_parts(yaml.safe_load(path.read_text()), group or path.parent.name, parts)
    for variant in VARIANTS:
        model = build_model(compose_settings(variant.split()), SPEC)
        models[variant] = {key: list(value.shape) for key, value in model.state_dict().items()}
    return {"parts": parts, "models": models}


def find_parts(node, group, parts):
    """Note every ``_target_`` below a node, with the parameters that stand beside it."""
    for value in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    ):
        find_parts(value, group, parts)
    if isinstance(node, dict) and group in NAMES and isinstance(node.get("_target_"), str):
        found = {key for key in node if key != "defaults" and not key.startswith("_")}
        known = parts.setdefault(group, {})
        known[node["_target_"]] = sorted(found | set(known.get(node["_target_"], [])))


def made_on():
    """Return what the last bits of a number depend on."""
    instructions = torch.backends.cpu.get_cpu_capability()
    return {"torch": torch.__version__, "cpu": cpu_name(), "instructions": instructions}


def main():
    (HERE / "names.json").write_text(json.dumps(names()) + "\n")
    write_data(HERE)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for path in HERE.glob("*.npy"):
            shutil.copy(path, folder)
        cases = {name: make(name, overrides) for name, overrides in CASES.items()}
    text = json.dumps({"made_on": made_on(), "cases": cases})
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
