"""The end of a run that no longer gets better."""

__all__ = ["EarlyStopping"]

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch import callbacks


class EarlyStopping(callbacks.EarlyStopping):
    """Lightning's, whose patience is what the settings say, also in a run that is resumed.

    Lightning 2.6 takes the patience out of the checkpoint, so that another one would be recorded
    and have no effect.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting from where the run was, up to the patience of now."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse to go on with a run that this ended before.

        Raises:
            ValueError: Saying what to raise.
        """
        if self.wait_count >= self.patience:
            raise ValueError(
                f"the run has ended already, at step {trainer.global_step}: {self.monitor} was not "
                f"better in {self.wait_count} validations. Raise patience above that"
            )
