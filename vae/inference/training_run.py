"""The training of a posterior: Lightning's Trainer, its data, and where its files go."""

__all__ = ["TrainingRun", "components"]

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from torch import nn

from vae.checks import check_int
from vae.inference.elbo_trace import ELBOTrace
from vae.inference.families import Mixture
from vae.inference.fit_batches import FitBatches, Replicates
from vae.inference.fitted import HELD
from vae.inference.log_joint import LogJoint
from vae.inference.recorded_terms import FitModule
from vae.inference.same_fit import check_same_fit
from vae.inference.skipped_steps import skips_told_once
from vae.inference.stopping import EndsAtSignals, as_of_program
from vae.saved import read_checkpoint
from vae.training import EventLog
from vae.training.callbacks import Checkpoints, History, ProgressLine, Scalars
from vae.training.meter import NonFiniteError
from vae.training.storage import DurableCheckpoints, newest

VALIDATIONS = 50  # of a run, at most
APART = 20  # steps between two of them, at least
REPLICATES = 1000  # draws of a validation, if the data are not too many


@dataclass
class TrainingRun:
    """How long a fit is trained, and where its files go.

    Args:
        steps: Optimizer steps.
        batch_size: Rows in a step; ``None``: all.
        folder: Of the files that stay; ``None``: none do.
        quiet: Whether nothing is printed.
    """

    steps: int
    batch_size: int | None
    folder: str | Path | None
    quiet: bool

    def __post_init__(self) -> None:
        check_int("steps", self.steps)
        check_int("batch_size", self.batch_size, optional=True)
        if not isinstance(self.folder, str | PathLike | None):
            raise ValueError(f"folder must be the path of a folder, or None; got {self.folder!r}")

    def train(self, module: FitModule, accelerator: str, *, resume: bool) -> ELBOTrace:
        """Train a module, and return the ELBO along the way.

        Raises:
            ValueError: If the folder holds another run, or none to go on with.
        """
        model = module.model
        assert isinstance(model, LogJoint)
        path = self.checkpoint(resume=resume)
        if path is not None:
            check_same_fit(path, read_checkpoint(path), module.arguments, module)
        trace = ELBOTrace(1 / model.share, strata=components(model.posterior))
        with TemporaryDirectory() as scratch:
            self.run(module, trace, accelerator, path, self.folder or scratch)
        return trace

    def run(
        self,
        module: FitModule,
        trace: ELBOTrace,
        accelerator: str,
        path: Path | None,
        folder: str | Path,
    ) -> None:
        """Train a module, from a checkpoint on if there is one."""
        model = module.model
        assert isinstance(model, LogJoint)
        trainer = self.trainer(accelerator, [trace, *self.callbacks()], str(folder))
        num_samples, device = module.objective.num_samples(), trainer.strategy.root_device
        batches, validation = self.loaders(model, num_samples, module.seed, device)
        hint = "" if self.folder is None else ": go on with resume=True"
        try:
            with as_of_program(hint), skips_told_once(self.steps, quiet=self.quiet):
                trainer.fit(module, batches, validation, ckpt_path=path, weights_only=True)
        except NonFiniteError as error:
            raise ValueError(
                "the log-joint or its gradient was not finite at draws of q, so that the run "
                "cannot go on: where it has a border, give that as the support, such as constraints"
                ".greater_than(0.0); else try a lower lr=, a start= in the midst, or look for "
                "logarithms and divisions"
            ) from error

    def loaders(
        self, model: LogJoint, num_samples: int, seed: int, device: torch.device
    ) -> tuple[FitBatches, Replicates]:
        """Return what is trained on, and what the ELBO is estimated by."""
        family, target = model.posterior, model.target
        dtype = next(family.parameters()).dtype
        each = components(family)
        most = HELD // (target.num_examples * num_samples * each)
        count = each * max(2, min(REPLICATES // (num_samples * each), most))
        batches = FitBatches(
            target.num_examples if self.batch_size else 1,
            self.batch_size,
            replicates=each,
            steps=max(APART, -(-self.steps // VALIDATIONS)),
            seed=seed,
            device=device,
            dtype=dtype,
        )
        return batches, Replicates(torch.zeros(count, dtype=dtype))

    def checkpoint(self, *, resume: bool) -> Path | None:
        """Return the checkpoint to go on with, if one is to be gone on with.

        Raises:
            ValueError: If there is none, or one that is not.
        """
        if self.folder is None:
            if resume:
                raise ValueError("resume=True needs the folder= of the run")
            return None
        found = next(newest(Path(self.folder) / "checkpoints"), None)
        if resume and found is None:
            raise ValueError(f"{self.folder} holds no checkpoint to go on with")
        if found is not None and not resume:
            raise ValueError(f"{self.folder} holds a run: give resume=True or another folder")
        return found

    def callbacks(self) -> Sequence[Callback]:
        """Return what shows and keeps the run."""
        shown: list[Callback] = [] if self.quiet else [ProgressLine()]
        if self.folder is None:
            return [EndsAtSignals(), *shown]
        folder = str(Path(self.folder).expanduser().absolute() / "checkpoints")
        return [
            Checkpoints(folder, monitor="val/elbo", setting="folder=..."),
            Scalars(),
            *shown,
            History(),
        ]

    def trainer(self, accelerator: str, callbacks: Sequence[Callback], folder: str) -> pl.Trainer:
        """Return Lightning's Trainer.

        Raises:
            ValueError: If there is no such accelerator here.
        """
        try:
            return pl.Trainer(
                accelerator=accelerator,
                devices=1,
                max_epochs=-1,
                max_steps=self.steps,
                logger=False if self.folder is None else EventLog(folder),
                callbacks=list(callbacks),
                enable_checkpointing=self.folder is not None,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                default_root_dir=folder,
                use_distributed_sampler=False,
                plugins=[DurableCheckpoints()],
            )
        except MisconfigurationException as error:
            raise ValueError(
                f'accelerator={accelerator!r} is not to be had here: use "cpu" or "auto" ({error})'
            ) from error


def components(posterior: nn.Module) -> int:
    """Return how many components are drawn from in turn, 1 but of a mixture."""
    return posterior.components if isinstance(posterior, Mixture) else 1
