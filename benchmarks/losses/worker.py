"""Trains on the code of whichever checkout is on the path, and notes every bit of it.

It is run by its path and reads lists of arguments of the training command, one a line; it knows
of a revision nothing but that command, `Objective` and Lightning.
"""

import contextlib
import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import lightning.pytorch as pl
import torch

from vae.cli.app import train  # the package has a module of that name, too
from vae.objectives import Objective


class Recorder(pl.Callback):
    """Notes the terms of the loss of every batch, and a digest of all parameters after it.

    Args:
        listens: Whether to note the terms, which cuts a compiled step in two.
    """

    def __init__(self, *, listens: bool = True) -> None:
        self.listens = listens
        self.batches: list[dict[str, str]] = []
        self.terms: dict[str, str] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen to the outermost objective, wherever the module keeps it."""
        if self.listens:
            objective = next(part for part in pl_module.modules() if isinstance(part, Objective))
            objective.register_forward_hook(self.note)

    def note(self, objective: torch.nn.Module, args: Any, terms: dict[str, torch.Tensor]) -> None:
        """Note the terms that one batch gave."""
        if objective.training:
            self.terms |= {f"loss {k}": float(v.detach()).hex() for k, v in terms.items()}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Note what the batch has led to."""
        digests = sorted(digest(parameter) for parameter in pl_module.parameters())
        weights = hashlib.sha256("".join(digests).encode()).hexdigest()
        self.batches.append({**self.terms, "weights": weights})
        self.terms = {}


def digest(values: torch.Tensor) -> str:
    """Return a digest of the bits of a tensor."""
    return hashlib.sha256(values.detach().contiguous().numpy().tobytes()).hexdigest()


def work() -> None:
    """Train each list of arguments that a line of standard input holds; answer by a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is written to standard output
    for number, line in enumerate(sys.stdin):
        arguments = [*json.loads(line), f"hydra.run.dir='{Path.cwd()}/{os.getpid()}-{number}'"]
        print(json.dumps(trained(arguments)), file=answers, flush=True)


def trained(arguments: list[str]) -> dict[str, Any]:
    """Return what a run of the training command notes, or why there is none."""
    recorder = Recorder(listens="compile=true" not in arguments)
    fit, told = pl.Trainer.fit, io.StringIO()
    figures: dict[str, str] = {}

    def watched(trainer: pl.Trainer, *args: Any, **options: Any) -> None:
        trainer.callbacks.append(recorder)  # type: ignore[attr-defined]
        fit(trainer, *args, **options)
        figures.update({k: float(v).hex() for k, v in trainer.callback_metrics.items()})

    with (
        patch.object(pl.Trainer, "fit", watched),
        patch.object(sys, "argv", ["train.py", *arguments]),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(told),
    ):
        try:
            train()
        except SystemExit as end:
            if end.code:
                return {"error": told.getvalue().strip()[-500:]}
    return {"batches": recorder.batches, "figures": figures}


if __name__ == "__main__":
    work()
