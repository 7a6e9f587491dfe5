"""The `LightningModule`: a model, an objective, an optimizer, and the figures of each step."""

__all__ = ["VAEModule"]

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.optim import Optimizer

from vae.argument_checks import unchecked
from vae.data import Batch, DataSpec, Draft
from vae.data.batch_names import Names
from vae.data.randomness import stream_seed
from vae.models import Model
from vae.objectives import Objective
from vae.older import complete
from vae.trace import Trace
from vae.training.averaging import EMA
from vae.training.callbacks.defaults import unless_chosen
from vae.training.configured import parts_of, restored, settings_of
from vae.training.evaluating import log_means, measure_batch
from vae.training.guard import Guard
from vae.training.lightning_adapter import AdaptedModule, StepCount, recount_batches
from vae.training.meter import Meter
from vae.training.schedules import LearningRate
from vae.training.seeding import seed_noise
from vae.training.step import StepResult
from vae.training.stepping import make_step
from vae.training.total_steps import check_length, total_steps
from vae.training.update import make_optimizers
from vae.training.user_data import UserData, data_module

TRAINING = 0  # the stream of noise; evaluation has its own


class VAEModule(AdaptedModule):
    """Trains a model on an objective; the same loop for every variant.

    Args:
        model: Batch to trace.
        objective: Trace to terms; their sum is the loss.
        optimizer: Makes the optimizer of the parameters it is given.
        scheduler: The learning rate as a function of progress; ``None`` keeps it constant.
        gradient_clip: Greatest norm of the gradient, above 0; ``None`` does not clip.
        gradient_skip: Norm above which a step is skipped instead, as if the gradient were not
            finite, above 0; ``None`` skips none for it.
        accumulate: Batches per optimizer step, at least 1; their gradients are averaged.
        skip_limit: How many steps in a row, or ten times as many in an epoch, may be skipped for a
            loss or gradient that is not finite before the run ends; ``None`` looks at neither.
        seed: Key of the reparameterization noise, and of the order of a shuffled `DataLoader`.
        fields: What a batch of a loader of your own holds: names of a tuple's entries in order, or
            ``{field: key}`` of a dict; ``None``: x, or x and label. A batch of `DataModule` has
            its names.

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
        gradient_skip: float | None = None,
        accumulate: int = 1,
        skip_limit: int | None = 10,
        seed: int = 0,
        fields: Names = None,
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
        self.model, self.objective = model, objective
        self.make_optimizer = optimizer
        self.scheduler = scheduler
        self.seed = seed
        self.user_data = UserData(fields)
        self.train_meter, self.eval_meter = Meter(), Meter()
        self.latest: dict[str, float] = {}
        self.latest_step = 0  # at which those were measured
        self.compiled = self.cuda_graph = False  # how a step is taken
        self.guard = Guard(skip_limit, gradient_skip)
        self.num_examples = 0
        self.group_is_cut = self.logging_due = False
        self.gradient_norm: float | Tensor = 0.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> Self:
        """Build the module of a run; config and spec go into its checkpoints as plain values."""
        module = cls(*parts_of(config, spec), **settings_of(config))
        # Made for their refusal of a wrong setting, before data are read.
        module.make_optimizers()
        module.save_hyperparameters({"config": dict(config), "spec": asdict(spec)}, logger=False)
        return module

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls,
        checkpoint_path: str | Path,
        map_location: Any = None,
        *,
        strict: bool = True,
        plugins: Sequence[str] = (),
    ) -> Self:
        """Rebuild the module of a run from its checkpoint alone, without running code from it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no whole checkpoint of this framework, or as of `vae.load`.
        """
        return restored(cls, checkpoint_path, map_location, plugins, strict=strict)

    def forward(self, batch: Batch | Tensor, num_samples: int = 1) -> Trace:
        """Return the trace of a batch."""
        return self.model(batch, num_samples=num_samples)

    @property
    def fields(self) -> tuple[str, ...]:
        """What is read of a batch."""
        model = self.model
        read = (*model.fields, *model.trained_with, *self.objective.fields)
        return tuple(dict.fromkeys(read))

    def configure_callbacks(self) -> list[Callback]:
        """Return what logs figures and pictures, if the Trainer has nothing of ours."""
        return unless_chosen(self.trainer)

    def setup(self, stage: str) -> None:
        """Ask the data for the fields that are read, or see to it that own loaders are resumed."""
        self.user_data.attach(self, stage)

    @unchecked()
    def training_step(self, group: Any, group_idx: int) -> None:
        """Learn from each batch of a group in turn; a batch of a user's own is a group of one."""
        trainer = self.trainer
        group = self.user_data.group(self, group, group_idx)
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
        num_examples = draft.num_examples
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
        data, standardize = data_module(self.trainer), self.model.standardize
        self.num_examples = self.user_data.num_examples if data is None else data.num_train
        if standardize is not None and standardize.unset:
            if data is None:
                raise ValueError(
                    "mean and width of the data are not known: call model.standardize.set(...)"
                )
            standardize.set(*data.statistics())

    def on_train_start(self) -> None:
        """Take hold of the optimizers, which have their state by now."""
        gc.unfreeze()  # what a run left that ended by an error
        gc.collect()
        gc.freeze()  # what is there stays: it need not be looked through again and again
        self.take_step = make_step(self)
        self.step_count = StepCount(self.trainer)
        self.guard.begin()
        self.log_every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        self.averages = [c for c in self.trainer.callbacks if isinstance(c, EMA)]  # type: ignore[attr-defined]

    def teardown(self, stage: str) -> None:
        """Let go of the Trainer's parts, with which the module could not be copied."""
        for name in ("take_step", "step_count", "averages"):
            self.__dict__.pop(name, None)
        gc.unfreeze()

    def on_validation_start(self) -> None:
        """See that no step was spoilt, if training is going on."""
        self.guard.catch_up()

    def validation_step(self, batch: Any, batch_idx: int) -> Trace:  # type: ignore[override]
        """Measure a batch; return its trace."""
        return measure_batch(self, batch, batch_idx, "val")

    def on_validation_epoch_end(self) -> None:
        """Log the validation figures."""
        log_means(self, "val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Measure a batch."""
        measure_batch(self, batch, batch_idx, "test")

    def on_test_epoch_end(self) -> None:
        """Log the figures of the test data."""
        log_means(self, "test")

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the codes of a batch; see `Model.embed`."""
        return self.model.embed(self.user_data.batch(self, batch, "predict"))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the model is for; what it is made of only a config says."""
        own = {"config": {}, "spec": self.user_data.spec_of(self.model)}
        checkpoint.setdefault("hyper_parameters", own)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count the groups of an epoch anew, and give an older checkpoint what it lacks."""
        if not self.is_attached or self.trainer.state.fn != "fit":  # not to go on
            return
        data = data_module(self.trainer)
        recount_batches(checkpoint, None if data is None else data.train_dataloader())
        if self.model.standardize is not None and data is not None:
            complete(checkpoint, data)

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
            raise ValueError(
                "a scheduler needs the number of steps: set max_steps, or max_epochs and a loader "
                "that has a length"
            )
        return optimizers, [self.scheduler.schedule(optimizers[0], max(1, total))]

    def make_optimizers(self) -> list[Optimizer]:
        """Return the optimizer of the model's parameters, then that of each adversary's."""
        trained = (parameter for parameter in self.parameters() if parameter.requires_grad)
        return make_optimizers(trained, self.objective, self.make_optimizer)

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps of the whole run, or ``None`` if it has no end."""
        return total_steps(self.trainer, self.accumulate)

    def on_train_epoch_start(self) -> None:
        """Forget the gradients of an epoch's last, incomplete accumulation."""
        self.zero_grad()
        self.guard.in_epoch = 0
