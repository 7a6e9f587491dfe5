"""The `LightningModule`: a model, an objective, an optimizer, and the figures of each step."""

__all__ = ["VAEModule"]

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.optim import Optimizer

from vae.argument_checks import unchecked
from vae.build import build_model, build_objective, read_checkpoint
from vae.data import Batch, DataSpec, Draft, Group
from vae.data.randomness import stream_seed
from vae.draws import count_rows
from vae.instantiate import instantiate
from vae.models import Model
from vae.objectives import Objective, Progress
from vae.older import complete
from vae.trace import Trace
from vae.training.averaging import EMA
from vae.training.capture import CapturedStep
from vae.training.guard import Guard
from vae.training.length import check_length, total_steps
from vae.training.lightning_adapter import AdaptedModule, StepCount, recount_groups
from vae.training.meter import Meter, check_figures, with_totals
from vae.training.scheduled_weights import ScheduledWeights
from vae.training.schedules import LearningRate
from vae.training.seeding import seed_noise
from vae.training.step import EagerStep, Step, StepResult, compiled, measure, terms_and_figures
from vae.training.update import Update, make_optimizers

TRAINING, EVALUATION = 0, 1  # streams of noise: evaluation never draws what training would


class VAEModule(AdaptedModule):
    """Trains a model on an objective; the same loop for every variant.

    Args:
        model: Batch to trace.
        objective: Trace to terms; their sum is the loss.
        optimizer: Makes the optimizer of the parameters it is given.
        scheduler: The learning rate as a function of progress; ``None`` keeps it constant.
        gradient_clip: Greatest norm of the gradient, above 0; ``None`` does not clip.
        accumulate: Batches per optimizer step, at least 1; their gradients are averaged.
        skip_limit: How many steps in a row, or ten times as many in an epoch, may be skipped for a
            loss or gradient that is not finite before the run ends; ``None`` looks at neither.
        seed: Key of the reparameterization noise.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        *,
        optimizer: Callable[..., Optimizer] = torch.optim.Adam,
        scheduler: LearningRate | None = None,
        gradient_clip: float | None = None,
        accumulate: int = 1,
        skip_limit: int | None = 10,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if gradient_clip is not None and not gradient_clip > 0:
            raise ValueError(f"gradient_clip must be above 0 or null; got {gradient_clip}")
        if accumulate < 1:
            raise ValueError(f"accumulate must be at least 1; got {accumulate}")
        # Steps are taken here: half of Lightning's cost, and objectives may bring optimizers.
        self.automatic_optimization = False
        self.gradient_clip = gradient_clip
        self.accumulate = accumulate
        self.model = model
        self.objective = objective
        self.make_optimizer = optimizer
        self.scheduler = scheduler
        self.seed = seed
        self.train_meter = Meter()
        self.eval_meter = Meter()
        self.latest: dict[str, float] = {}
        self.latest_step = 0  # at which those were measured
        self.compiled = False  # how a step is taken
        self.cuda_graph = False
        self.guard = Guard(skip_limit)
        self.between_steps = True
        self.group_is_cut = False
        self.num_examples = 0
        self.logging_due = False
        self.gradient_norm: float | Tensor = 0.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> Self:
        """Build the module of a run; config and spec go into its checkpoints as plain values."""
        model = build_model(config, spec)
        module = cls(
            model,
            build_objective(config, model, spec),
            optimizer=instantiate(config["optimizer"], "optimizer"),
            scheduler=instantiate(config.get("scheduler") or None, "scheduler"),
            gradient_clip=config.get("gradient_clip"),
            accumulate=config.get("accumulate", 1),
            skip_limit=config.get("skip_limit", 10),
            seed=config["seed"],
        )
        # Made for their refusal of a wrong setting, before data are read.
        module.make_optimizers()
        module.save_hyperparameters({"config": dict(config), "spec": asdict(spec)}, logger=False)
        return module

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path, map_location: Any = None, *, strict: bool = True
    ) -> Self:
        """Rebuild the module of a run from its checkpoint alone, without running code from it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a whole checkpoint of this framework.
        """
        checkpoint = read_checkpoint(checkpoint_path)
        hparams = checkpoint["hyper_parameters"]
        module = cls.from_config(hparams["config"], DataSpec(**hparams["spec"]))
        module.load_state_dict(checkpoint["state_dict"], strict=strict)
        return module.to(map_location) if map_location is not None else module

    def forward(self, batch: Batch | Tensor, num_samples: int = 1) -> Trace:
        """Return the trace of a batch."""
        return self.model(batch, num_samples=num_samples)

    def setup(self, stage: str) -> None:
        """Ask the data for the fields that are read."""
        fields = dict.fromkeys((*self.model.fields, *self.objective.fields))
        self.trainer.datamodule.fields = tuple(fields)  # type: ignore[attr-defined]

    @unchecked()
    def training_step(self, group: Group, group_idx: int) -> None:
        """Learn from each batch of a group in turn."""
        trainer = self.trainer
        start = stream_seed(self.seed, TRAINING, trainer.global_rank, trainer.current_epoch)
        first = step = trainer.global_step
        for index, draft in group:
            seed_noise(self.device, index, start=start)
            self.learn(draft, index, step)
            step = trainer.global_step
            if step == trainer.max_steps:
                trainer.should_stop = True  # in the midst of an epoch: after a validation
                break
        self.group_is_cut = index + 1 < group.start + group.size
        self.guard.end_group(first)
        self.between_steps = (index + 1) % self.accumulate == 0
        if self.between_steps:
            self.train_meter.settle()

    def learn(self, draft: Draft, index: int, step: int) -> None:
        """Take the gradient of a batch and, every `accumulate` batches, an optimizer step."""
        num_examples = len(draft.indices)
        self.examples_seen += num_examples
        updates = (index + 1) % self.accumulate == 0
        logs = updates and (step + 1) % self.log_every == 0
        result = self.take_step(draft, step, updates=updates, wants_norm=logs)
        self.train_meter.update(result.figures, num_examples)
        if logs:
            self.logging_due = True
            if result.norm is not None:
                self.gradient_norm = result.norm
        if updates:
            self.after_step(step, result)

    def after_step(self, step: int, result: StepResult) -> None:
        """Count a step, move the learning rate on and take the weights into their averages."""
        if result.dropped is not None:
            self.guard.count_later(result.dropped, self.train_meter.drop(result.dropped))
        else:
            if result.culprit is not None:
                self.train_meter.forget(-self.accumulate, self.accumulate)
            self.guard.count(step, result.culprit)
        self.step_count.increase()
        if self.scheduler is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]
        for average in self.averages:
            average.after_step(self, step + 1)

    def on_fit_start(self) -> None:
        """Note how many examples there are, and their statistics if nobody did before.

        Raises:
            ValueError: If an epoch has too few batches for one optimizer step.
        """
        check_length(self.trainer, self.accumulate)
        self.end_epochs_whole()
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        self.num_examples = data.num_train
        if self.model.standardize is not None and self.model.standardize.unset:
            self.model.standardize.set(*data.statistics())

    def on_train_start(self) -> None:
        """Take hold of the optimizers, which have their state by now."""
        gc.collect()
        gc.freeze()  # what is there stays: it need not be looked through again and again
        self.take_step = self.make_step()
        self.step_count = StepCount(self.trainer)
        self.guard.begin()
        self.log_every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        self.averages = [c for c in self.trainer.callbacks if isinstance(c, EMA)]  # type: ignore[attr-defined]

    def make_step(self) -> Step:
        """Return how a step is taken: as it is, compiled, or recorded."""
        weights = ScheduledWeights(self.objective, self.num_examples, self.device)
        numbers = partial(Progress, num_examples=self.num_examples)
        eager = EagerStep(
            self.model,
            self.objective,
            Update(self.trainer.strategy, clip=self.gradient_clip),
            at=weights.at if self.cuda_graph or self.compiled else numbers,
            compute=compiled(self.model) if self.compiled else terms_and_figures,
            accumulate=self.accumulate,
            watch=self.guard.limit is not None,
            single_process=self.trainer.world_size == 1,
        )
        return CapturedStep(eager, weights) if self.cuda_graph else eager

    def teardown(self, stage: str) -> None:
        """Let go of the Trainer's parts, with which the module could not be copied."""
        for name in ("take_step", "step_count", "averages"):
            self.__dict__.pop(name, None)
        gc.unfreeze()

    def on_validation_start(self) -> None:
        """See that no step was spoilt, if training is going on."""
        self.guard.catch_up()

    @unchecked()
    def validation_step(self, batch: Batch, batch_idx: int) -> Trace:  # type: ignore[override]
        """Measure a batch with noise that is the same in every epoch; return its trace."""
        seed_noise(self.device, self.seed, EVALUATION, self.global_rank, batch_idx)
        at = Progress(self.trainer.global_step, self.num_examples)
        trace, _, figures = measure(self.model, self.objective, batch, at)
        self.eval_meter.update(figures, count_rows(batch))
        self.eval_meter.settle()
        return trace

    def on_validation_epoch_end(self) -> None:
        """Log the validation figures, averaged over all examples of all ranks."""
        sums = self.trainer.strategy.reduce(self.eval_meter.sums(), reduce_op="sum")
        means = with_totals(self.eval_meter.means(sums))
        check_figures(means, sums[-1].item(), self.trainer.global_step)
        figures = {f"val/{name}": mean for name, mean in means.items()}
        # For checkpoints and early stopping; the same on every rank already.
        self.log_dict(figures, logger=False, sync_dist=True)
        for logger in self.loggers:
            logger.log_metrics(figures, step=self.trainer.global_step)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count the groups of an epoch anew, and give an older checkpoint what it lacks."""
        if not self.is_attached:  # read by itself, not to go on
            return
        # Not the Trainer's loader: setting that up here would lose its state in a resume.
        recount_groups(checkpoint, self.trainer.datamodule.train_dataloader())  # type: ignore[attr-defined]
        if self.model.standardize is not None:
            complete(checkpoint, self.trainer.datamodule)  # type: ignore[attr-defined]

    def configure_optimizers(self) -> Any:
        """Return the optimizers and, if there is one, the first one's schedule over the whole run.

        The first is the model's; each adversary of the objective has its own.

        Raises:
            ValueError: If a schedule is asked for and the run has no end.
        """
        optimizers = self.make_optimizers()
        if self.scheduler is None:
            return optimizers
        total = self.total_steps
        if total is None:
            raise ValueError("a scheduler needs trainer.max_epochs or trainer.max_steps")
        return optimizers, [self.scheduler.schedule(optimizers[0], max(1, total))]

    def make_optimizers(self) -> list[Optimizer]:
        """Return the optimizer of the model's parameters, then that of each adversary's."""
        return make_optimizers(self.parameters(), self.objective, self.make_optimizer)

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps of the whole run, or ``None`` if it has no end."""
        return total_steps(self.trainer, self.accumulate)

    def on_train_epoch_start(self) -> None:
        """Forget the gradients of an epoch's last, incomplete accumulation."""
        self.zero_grad()
        self.guard.in_epoch = 0
