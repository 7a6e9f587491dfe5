"""Checkpoints of standardised data from before models held its mean and width.

Their models speak z-scores. Where the data are at hand, so are the statistics; of a file alone they
cannot be known.
"""

__all__ = ["complete", "completed", "lacks_statistics"]

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vae.data import DataModule, DataSpec
from vae.saved import PREFIX, STATES, Saved, is_ours

SCORES = ("best_model_score", "best_score")  # of callbacks that compare figures with earlier ones


def lacks_statistics(config: Mapping[str, Any], spec: DataSpec) -> bool:
    """Say whether a model was trained on standardised data and does not hold their statistics."""
    return bool(config.get("data", {}).get("standardize")) and not spec.standardized


def statistics(data: DataModule) -> dict[str, Tensor]:
    """Return what `vae.models.Standardize` of a model would hold, by its name in the model."""
    shift, scale = data.statistics()
    return {"standardize.shift": shift, "standardize.scale": scale}


def completed(saved: Saved, data: DataModule) -> Saved:
    """Return a saved model with the statistics of its training data, if it lacks them."""
    if not lacks_statistics(saved.config, saved.spec):
        return saved
    spec = replace(saved.spec, standardized=True)
    return saved._replace(spec=spec, state={**saved.state, **statistics(data)})


def complete(checkpoint: dict[str, Any], data: DataModule) -> None:
    """Do the same with a checkpoint that a run goes on from.

    Its best figures were of z-scores: which one is best is judged anew.
    """
    if not is_ours(checkpoint):
        return
    hparams = checkpoint["hyper_parameters"]
    if not lacks_statistics(hparams["config"], DataSpec(**hparams["spec"])):
        return
    found = {PREFIX + name: value for name, value in statistics(data).items()}
    for name in STATES:
        if name in checkpoint:
            checkpoint[name] |= found
    for key, state in list(checkpoint["callbacks"].items()):
        if isinstance(state, dict) and not state.keys().isdisjoint(SCORES):
            del checkpoint["callbacks"][key]
