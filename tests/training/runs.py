"""Tiny runs on random vectors, for tests of training."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from tests.compose import settings_of
from vae.build import build_data
from vae.data import DataModule
from vae.training import VAEModule

TRAIN, VAL, BATCH, EVAL_BATCH = 56, 11, 8, 4  # 7 training batches; the last one of val is smaller
SMALL = [
    "data=array",
    "model=mlp",
    "model.encoder.hidden=[8]",
    "model.latent_dim=3",
    f"data.batch_size={BATCH}",
    f"data.eval_batch_size={EVAL_BATCH}",
    f"data.val_size={VAL}",
    "data.test_size=5",
    "group_size=1",
]


def settings_for(folder: Path, *overrides: str) -> dict:
    """Return the settings of a tiny run on an array that is put into the folder."""
    path = Path(folder) / "vectors.npy"
    if not path.exists():
        x = np.random.default_rng(0).normal(size=(TRAIN + VAL + 5, 6))
        np.save(path, x.astype(np.float32))
    settings = deepcopy(composed(*overrides))
    settings["data"]["path"] = settings["data"]["source"]["path"] = str(path)
    return settings


@cache
def composed(*overrides: str) -> dict:
    """Return the settings of a tiny run, without the path of its data."""
    return settings_of(*SMALL, *overrides)


def make_run(folder: Path, *overrides: str) -> tuple[VAEModule, DataModule]:
    """Return module and data of a run, the same for the same settings."""
    settings = settings_for(folder, *overrides)
    data = build_data(settings)
    torch.manual_seed(settings["seed"])
    return VAEModule.from_config(settings, data.spec), data


def make_trainer(folder: Path, *callbacks: pl.Callback, epochs: int = 2, **options) -> pl.Trainer:
    """Return a quiet trainer that writes nothing but what its callbacks and loggers do."""
    keeps = any(isinstance(c, pl.callbacks.Checkpoint) for c in callbacks)
    return pl.Trainer(
        **{
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": epochs,
            "default_root_dir": folder,
            "logger": False,
            "callbacks": list(callbacks),
            "enable_checkpointing": keeps,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "log_every_n_steps": 1,
            **options,
        }
    )


def weights_after(folder: Path, *overrides: str, callbacks: tuple = (), **options) -> dict:
    """Return the weights that a run ends with."""
    module, data = make_run(folder, *overrides)
    make_trainer(folder, *callbacks, **options).fit(module, data)
    return module.state_dict()


def same(a: object, b: object) -> bool:
    """Say whether nested plain values are equal, tensors bit for bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b
