"""This project's own path: the Trainer that ``train.py`` builds, and the model's methods."""

__all__ = ["likelihood", "sampling", "train"]

import os
import time
from typing import Any

import lightning.pytorch as pl
import torch
from rich.console import Console

from benchmarks.throughput.floor import SAMPLES
from benchmarks.throughput.turns import Run, Turn
from benchmarks.throughput.workloads import Case
from vae.cli.monitor import settle_monitor
from vae.cli.preparing import build_trainer
from vae.cli.train import prepare_model, set_precision
from vae.evaluation import evaluate
from vae.training import VAEModule
from vae.training.callbacks import ProgressLine


class HandOver(pl.Callback):
    """Hands over after each group of steps, and stops the clock at the end of an epoch.

    It also times one save, which every validation is followed by two of.
    """

    def __init__(self, turn: Turn, case: Case) -> None:
        super().__init__()
        self.turn = turn
        self.case = case
        self.step = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *others: Any
    ) -> None:
        """Count the steps of the group."""
        if self.step == 0:
            self.time_save(trainer)
        steps, self.step = trainer.global_step - self.step, trainer.global_step
        assert isinstance(pl_module, VAEModule)
        self.turn.notes |= {f"train/{k}": v for k, v in pl_module.latest.items()}
        self.turn.done(steps)

    def time_save(self, trainer: pl.Trainer) -> None:
        """Note the seconds of a save."""
        self.turn.pause()
        start = time.perf_counter()
        trainer.save_checkpoint(self.case.folder / "timed.ckpt")
        self.turn.notes["save_seconds"] = time.perf_counter() - start
        self.turn.resume()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock."""
        self.turn.pause()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock again."""
        self.turn.resume()


def train(case: Case) -> Run:
    """Return the fit of ``train.py``."""

    def run(turn: Turn) -> None:
        torch.manual_seed(0)
        module = VAEModule.from_config(case.settings, case.data.spec)
        case.put_nets(module.model)
        turn.loss = lambda x: -module.model(x).elbo.mean()
        trainer = build_trainer(settle_monitor(case.settings, module.objective))
        with open(os.devnull, "w") as nowhere:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, ProgressLine):
                    callback.console = Console(file=nowhere, force_terminal=True, width=120)
            trainer.callbacks.append(HandOver(turn, case))  # type: ignore[attr-defined]
            set_precision(case.settings["matmul_precision"])
            prepare_model(module, case.data, case.settings)
            trainer.fit(module, datamodule=case.data)

    return run


def likelihood(case: Case) -> Run:
    """Return a loop of `evaluate`, which reports more than the likelihood."""

    def run(turn: Turn) -> None:
        model, batches = case.model().eval(), [{"x": case.test_pictures()}]
        while True:
            figures = evaluate(model, batches, case.data.spec, num_samples=SAMPLES)
            turn.notes["value"] = -figures["nll"]
            turn.done()

    return run


def sampling(case: Case) -> Run:
    """Return a loop of `Model.sample`."""

    def run(turn: Turn) -> None:
        model = case.model().eval()
        while True:
            turn.notes["value"] = model.sample(case.workload.examples).mean()
            turn.done()

    return run
