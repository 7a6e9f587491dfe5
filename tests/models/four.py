"""Data for the four test models and hierarchies, and the settings with which each is trained."""

__all__ = ["ALLOWED", "MODELS", "given_of", "overrides_of"]

from pathlib import Path

import numpy as np
import torch

from vae.instantiate import PACKAGES

COUNT = 60
MODELS = {
    "ladder": "tests.models.ladder.Ladder",
    "markov": "tests.models.markov.DeepMarkov",
    "labelled": "tests.models.labelled.Labelled",
    "shared": "tests.models.shared.SharedWeights",
}
SMALL = ["model.encoder.hidden=[8]", "model.lower_dims=[3]", "model.latent_dim=2"]
BUILT_IN = {"hvae": ["model=hvae", *SMALL], "ladder_vae": ["model=ladder", *SMALL]}
BUILT_IN["vdvae"] = ["model=vdvae", "model.channels=[8,8,8]", "model.blocks=[0,1,2]"]
MODELS |= dict.fromkeys(BUILT_IN, "vae.models.Model")  # which their own files name
ALLOWED = (*PACKAGES["model"], *(target.rpartition(".")[0] for target in MODELS.values()))
SETTINGS = [
    *("data=array", "data.batch_size=8", "data.eval_batch_size=8", "data.val_size=16"),
    "data.test_size=12",
    *("group_size=1", "scheduler=constant", "optimizer=sgd", "optimizer.lr=1e-4"),
]
BARE = ["model=linear", "~model.encoder", "~model.decoder", "~model.latent_dim"]
PICTURES = ["data.data_key=x", "likelihood=bernoulli"]
OWN = {
    "ladder": PICTURES,
    "markov": ["data.data_key=sequences", "data.channels=first", "data.fields={mask: lengths}"],
    "labelled": [*PICTURES, "data.label_key=labels"],
    "shared": PICTURES,
}


def overrides_of(name: str, folder: Path) -> list[str]:
    """Return the settings of a model's run, whose data are put into the folder."""
    path = folder / "data.npz"
    if not path.exists():
        noise = np.random.default_rng(0)
        lengths = np.arange(6) < noise.integers(1, 7, size=(COUNT, 1))
        np.savez(
            path,
            x=(noise.random((COUNT, 1, 16, 16)) < 0.4).astype(np.uint8),
            labels=noise.integers(0, 4, size=COUNT),
            sequences=noise.normal(size=(COUNT, 6, 3)).astype(np.float32),
            lengths=lengths.astype(np.float32),
        )
    model = BUILT_IN.get(name, [*BARE, f"model._target_={MODELS[name]}"])
    return [*SETTINGS, *model, f"data.path='{path}'", *OWN.get(name, PICTURES)]


def given_of(name: str, n: int) -> dict[str, torch.Tensor]:
    """Return the fields besides x that ``n`` samples are drawn for."""
    known = {"markov": {"mask": torch.ones(n, 6)}, "labelled": {"label": torch.arange(n) % 4}}
    return known.get(name, {})
