"""The use of the latent dimensions, after every validation."""

__all__ = ["Latents"]

from math import inf
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.evaluation import LatentStatistics
from vae.trace import Trace
from vae.training.findings import Findings, Validation, at_bound, settled, unused_variables
from vae.training.lightning_adapter import AdaptedModule


class Latents(Callback):
    """Logs active units and the KL of each latent dimension on the validation data.

    Of several latents each has tags of its own beside the total, ``latent/<name>/…``, and its whole
    KL, ``latent/<name>/kl``; the steps of a chain are one latent. Of those that all examples share,
    as the weights of a layer, the KL per example alone is logged.

    A collapse, dimensions that are not used and a σ at its bound are said once, in words, when
    two validations in a row show them; nothing is measured for that besides.

    Args:
        max_dims: Of how many dimensions of each latent the KL is logged, at least 0.
    """

    def __init__(self, *, max_dims: int = 64) -> None:
        if max_dims < 0:
            raise ValueError(f"max_dims must be at least 0; got {max_dims}")
        self.max_dims = max_dims
        self.statistics = LatentStatistics()
        self.findings = Findings()
        self.first: Trace | None = None  # of a validation
        self.total_steps: int | None = None
        self.last_step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note from where to where the run goes."""
        assert isinstance(pl_module, AdaptedModule)
        self.total_steps, self.last_step = pl_module.total_steps, trainer.global_step

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start afresh."""
        self.statistics = LatentStatistics()

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the trace that the validation step returned."""
        self.statistics.update(outputs)
        if batch_idx == 0:
            self.first = outputs

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the figures."""
        if trainer.sanity_checking:
            return
        uses, shared = self.statistics.by_name, self.statistics.shared
        figures = {"latent/active_units": float(self.statistics.active_units)} if uses else {}
        for name, use in shared.items():
            if use.kl_per_dim is not None:
                figures[f"latent/{name}/kl"] = use.kl_per_dim.sum().item()
        for name, use in uses.items():
            tag = f"latent/{name}" if len(uses) > 1 else "latent"
            figures[f"{tag}/active_units"] = float(use.active_units)
            per_dim = [] if use.kl_per_dim is None else use.kl_per_dim.tolist()
            if per_dim and len(uses) > 1:
                figures[f"{tag}/kl"] = sum(per_dim)
            for dim, kl in enumerate(per_dim[: self.max_dims]):
                figures[f"{tag}/kl/{dim:02d}"] = kl
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=trainer.global_step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say what shows, under the validation's line."""
        trace, self.first = self.first, None
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, AdaptedModule)
        assert trace is not None
        step = trainer.global_step
        steps = {"before": self.last_step, "now": step, "end": self.total_steps or 2 * step}
        unused, count = unused_variables(self.statistics)
        found = [at_bound(pl_module.model, variable.px) for variable in trace.observed]
        validation = Validation(
            step,
            self.total_steps,
            # What examples share need not be large, and says nothing of one.
            kl=float(trainer.callback_metrics["val/kl"]) if self.statistics.by_name else inf,
            unused=unused,
            num_variables=count,
            scale=next(filter(None, found), None),
            settled=settled(pl_module.objective, steps),
        )
        self.last_step = step
        for line in self.findings.tell(validation):
            print(line, flush=True)  # above a live bar, which takes what is printed
