"""What a run's folder says of its settings and of the machine, written when the run begins."""

__all__ = ["Record"]

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from vae.cli.environment import describe_environment
from vae.cli.length import OPEN
from vae.files import replace_durably
from vae.nested import lookup
from vae.training.execution import OPTIONS


class Record(pl.Callback):
    """Writes the config, the overrides and the environment of a run at its first step.

    By then the checkpoint that it goes on from is read and has been accepted: a refused run leaves
    the record of the run before as it was, and a killed process leaves the old one or the new.

    Args:
        config: As Hydra composed it.
        overrides: From which a resumed run is composed again.
        folder: Of the run.
    """

    def __init__(self, config: DictConfig, overrides: Iterable[str], folder: Path) -> None:
        self.config = config
        self.overrides = list(overrides)
        self.folder = folder
        self.written = False

    def settle(self, settings: dict[str, Any]) -> None:
        """Put the numbers that were settled with the data into the config."""
        for name in (*OPEN, *OPTIONS):
            OmegaConf.update(self.config, name, lookup(settings, name))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the files, in the first process."""
        self.written = True
        if not trainer.is_global_zero:
            return
        hydra, environment = self.folder / ".hydra", json.dumps(describe_environment(), indent=2)
        # The overrides last: they are what a resumed run is made from.
        texts = {
            self.folder / "environment.json": environment + "\n",
            hydra / "config.yaml": OmegaConf.to_yaml(self.config),
            hydra / "overrides.yaml": OmegaConf.to_yaml(OmegaConf.create(self.overrides)),
        }
        replace_durably({path: writer(text) for path, text in texts.items()})


def writer(text: str) -> Callable[[IO[bytes]], object]:
    """Return what writes a text to a file."""
    return lambda file: file.write(text.encode())
