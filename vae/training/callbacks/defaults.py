"""The callbacks of a Trainer whose user has chosen none of ours."""

__all__ = ["unless_chosen"]

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.training.callbacks.latent_use import Latents
from vae.training.callbacks.picture_log import Pictures
from vae.training.callbacks.scalars import Scalars
from vae.training.callbacks.validation_history import History

PACKAGE = __name__.rpartition(".")[0]


def unless_chosen(trainer: pl.Trainer) -> list[Callback]:
    """Return what logs a run's figures and pictures; nothing where that is chosen, or unlogged."""
    chosen = [c for c in trainer.callbacks if type(c).__module__.startswith(PACKAGE)]  # type: ignore[attr-defined]
    if chosen or not trainer.loggers:
        return []
    return [Scalars(), History(), Latents(), Pictures()]
