"""The `LightningModule`: a model, an objective, an optimizer, and the figures of each step."""

__all__ = ["VAEModule"]

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any, Self

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from vae.argument_checks import unchecked
from vae.build import build_model, build_objective, read_checkpoint
from vae.data import Batch, DataSpec, Draft, Group
from vae.data.randomness import stream_seed
from vae.instantiate import instantiate
from vae.models import Model
from vae.objectives import Objective, Progress
from vae.objectives.penalties import Adversary
from vae.older import complete
from vae.trace import Trace
from vae.training.averaging import EMA
from vae.training.capture import Captured
from vae.training.descent import Descent
from vae.training.groups import recount
from vae.training.guard import Guard
from vae.training.held import Held, hold_schedules
from vae.training.measure import Compiled, measure, measured, with_totals
from vae.training.meter import Meter, check_figures
from vae.training.schedules import LearningRate
from vae.training.seeding import seed_noise

TRAINING, EVALUATION = 0, 1  # streams of noise: evaluation never draws what training would


class VAEModule(pl.LightningModule):
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
        # Ours to step: half of Lightning's cost per step, and objectives may bring optimizers.
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
        self.measured = measured
        self.descent: Descent
        self.cuda_graph = False
        self.captured: Captured | None = None
        self.held: list[Held] = []  # scheduled weights of a step that is compiled or recorded
        self.guard = None if skip_limit is None else Guard(skip_limit)
        self.between_steps = True
        self.group_is_cut = False
        self.examples_seen = 0
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

    def forward(self, x: Tensor, num_samples: int = 1) -> Trace:
        """Return the trace of a batch, ``(B, *event)``."""
        return self.model(x, num_samples=num_samples)

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
        self.descent.review(first)
        self.between_steps = (index + 1) % self.accumulate == 0
        if self.between_steps:
            self.train_meter.settle()

    def learn(self, draft: Draft, index: int, step: int) -> None:
        """Take the gradient of a batch and, every `accumulate` batches, an optimizer step."""
        self.examples_seen += len(draft.indices)
        if self.captured is not None and self.captured.take(draft, step):
            self.after_step(step)
            return
        terms, figures = self.measure(draft.make()["x"], self.progress(step))
        self.train_meter.update(figures, len(draft.indices))
        loss = reduce(torch.add, terms.values())
        self.descent.backward(loss if self.accumulate == 1 else loss / self.accumulate)
        if (index + 1) % self.accumulate == 0:
            self.descent.step(step, loss, terms)
            self.after_step(step)

    def progress(self, step: int) -> Progress:
        """Return where training stands at a step, and set the held weights to those there."""
        for held in self.held:
            held.move(step)
        return Progress(step, self.num_examples)

    def measure(self, x: Tensor, at: Progress) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the objective's terms of a batch and its figures, as a training step does."""
        return self.measured(self.model, self.objective, x, at)

    def compile_step(self) -> None:
        """Compile what a step computes, as one graph: cut in two, its gradient may be wrong."""
        settings: Any = torch._dynamo.config
        settings.trace_autograd_ops = True  # where torch knows of it
        with unchecked():
            self.measured = Compiled(torch.compile(measured, fullgraph=True))

    def after_step(self, step: int) -> None:
        """Move the learning rate on and take the weights into their averages."""
        if self.scheduler is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]
        for average in self.averages:
            average.after_step(self, step + 1)

    def on_fit_start(self) -> None:
        """Note how many examples there are, and their statistics if nobody did before.

        Raises:
            ValueError: If an epoch has too few batches for one optimizer step.
        """
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"accumulate={self.accumulate} is more than the batches of an epoch: use fewer"
            )
        # With max_steps Lightning would go on with an epoch that was whole, and count it twice: the
        # noise of the next one would be another.
        self.trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        self.num_examples = data.num_train
        if self.model.standardize is not None and self.model.standardize.unset:
            self.model.standardize.set(*data.statistics())

    def on_train_start(self) -> None:
        """Take hold of the optimizers, which have their state by now."""
        gc.collect()
        gc.freeze()  # what is there stays: it need not be looked through again and again
        self.descent = Descent(self)
        if self.cuda_graph or self.measured is not measured:
            self.held = list(hold_schedules(self.objective, self.device))
        self.captured = Captured(self) if self.cuda_graph else None
        self.averages = [c for c in self.trainer.callbacks if isinstance(c, EMA)]  # type: ignore[attr-defined]

    def teardown(self, stage: str) -> None:
        """Let go of the Trainer's parts, with which the module could not be copied."""
        self.__dict__.pop("descent", None)
        self.captured = None
        for held in self.held:
            held.release()
        self.held = []
        gc.unfreeze()

    def on_validation_start(self) -> None:
        """See that no step was spoilt, if training is going on."""
        if "descent" in self.__dict__:
            self.descent.look_back()

    @unchecked()
    def validation_step(self, batch: Batch, batch_idx: int) -> Trace:  # type: ignore[override]
        """Measure a batch with noise that is the same in every epoch; return its trace."""
        seed_noise(batch["x"].device, self.seed, EVALUATION, self.global_rank, batch_idx)
        at = self.progress(self.trainer.global_step)
        trace, _, figures = measure(self.model, self.objective, batch["x"], at)
        self.eval_meter.update(figures, len(batch["x"]))
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
        if self._trainer is None:  # read by itself, not to go on
            return
        # Not the Trainer's loader: setting that up here would lose its state in a resume.
        recount(checkpoint["loops"]["fit_loop"], self.trainer.datamodule.train_dataloader())  # type: ignore[attr-defined]
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
        adversaries = [part for part in self.objective.modules() if isinstance(part, Adversary)]
        theirs = {id(parameter) for part in adversaries for parameter in part.parameters()}
        ours = self.make_optimizer([p for p in self.parameters() if id(p) not in theirs])
        return [ours, *(part.make_optimizer(part.parameters()) for part in adversaries)]

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps of the whole run, or ``None`` if it has no end."""
        epochs, limit = self.trainer.max_epochs or -1, self.trainer.max_steps
        if epochs < 0:
            return None if limit < 0 else limit
        steps = self.steps_per_epoch * epochs
        return steps if limit < 0 else min(steps, limit)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        # Not the Trainer's loader: setting that up here would lose its state in a resume.
        loader = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
        limit = self.trainer.limit_train_batches
        groups = limit if isinstance(limit, int) else int(len(loader) * limit)
        batches = min(loader.num_batches, groups * loader.group_size)
        return int(batches) // self.accumulate

    def on_train_epoch_start(self) -> None:
        """Forget the gradients of an epoch's last, incomplete accumulation."""
        self.zero_grad()
        if self.guard is not None:
            self.guard.in_epoch = 0

    def __setattr__(self, name: str, value: Any) -> None:
        # Set in every step, Lightning's one twice for each of some thirty hooks; the detour through
        # `nn.Module.__setattr__` is longer than the hooks.
        if name in ("_current_fx_name", "examples_seen"):
            set_plainly(self, name, value)
        else:
            super().__setattr__(name, value)


set_plainly = object.__setattr__  # for what is neither parameter, buffer nor module
