"""The ELBO along training, by more draws than a step takes."""

__all__ = ["ELBOTrace"]

from math import sqrt
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.trace import Trace


class ELBOTrace(Callback):
    """Keeps the ELBO of all data at every validation, with its Monte Carlo standard error.

    All validations draw the same noise, so that two of them differ by less than their errors say.

    Args:
        scale: What the figures of one example are multiplied by.
        strata: Components M that are drawn from in turn, at least 1.
    """

    def __init__(self, scale: float = 1.0, *, strata: int = 1) -> None:
        self.scale = scale
        self.strata = strata
        self.points: list[tuple[int, float, float]] = []

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint."""
        return "ELBOTrace"

    def state_dict(self) -> dict[str, Any]:
        """Return the points as plain lists."""
        return {"points": [list(point) for point in self.points]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the points of a checkpoint."""
        self.points = [(int(step), elbo, error) for step, elbo, error in state_dict["points"]]

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add a point."""
        assert isinstance(outputs, Trace)
        elbo = self.scale * outputs.elbo.double().mean(0)
        # Of a mixture every M-th draw is of the same component, whatever its weight.
        error = elbo.view(-1, self.strata).var(0).sum().sqrt().item() / sqrt(
            self.strata * len(elbo)
        )
        self.points.append((trainer.global_step, elbo.mean().item(), error))
