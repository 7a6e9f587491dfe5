"""The curve of training, kept in the checkpoints."""

__all__ = ["History"]

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.history import KEY, Point, points_of, thinned
from vae.training.lightning_adapter import AdaptedModule


class History(Callback):
    """Keeps the ELBO and its parts at every validation, so that a checkpoint alone has the curve.

    A few hundred points at most. The training ELBO beside them is the mean that was logged last,
    with the step of its own: logging and validation have each their own rhythm. Where none was
    logged since the validation before, or since a resume, there is none.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint."""
        return KEY

    def state_dict(self) -> dict[str, Any]:
        """Return the points as plain lists."""
        return {"points": [list(point) for point in self.points]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the points of a checkpoint."""
        self.points = list(points_of({"callbacks": {KEY: state_dict}}))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a point; checkpoints are written after this."""
        if trainer.sanity_checking:
            return
        assert isinstance(pl_module, AdaptedModule)
        found = trainer.callback_metrics
        elbo, log_px, kl = (float(found[f"val/{k}"]) for k in ("elbo", "log_likelihood", "kl"))
        train = self.newly_measured(pl_module)
        point = Point(trainer.global_step, elbo, log_px, kl, *train)
        self.points = thinned([*self.points, point])

    def newly_measured(self, module: AdaptedModule) -> tuple[float, int] | tuple[()]:
        """Return the training ELBO logged last and its step, if no point has it."""
        known = (point.train_step for point in self.points)
        if not module.latest or module.latest_step in known:
            return ()
        return module.latest["elbo"], module.latest_step
