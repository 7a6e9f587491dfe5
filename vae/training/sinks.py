"""What a logger can take besides numbers, one function for all kinds of them."""

__all__ = ["end_loggers", "log_picture"]

from collections.abc import Iterable

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from torch import Tensor


def log_picture(logger: Logger, name: str, picture: Tensor, encoded: bytes, step: int) -> None:
    """Send a picture to a logger that takes any.

    Args:
        logger: TensorBoard's, that of Weights & Biases or of MLflow; others are left alone.
        name: Of the picture.
        picture: uint8 ``(3, height, width)``.
        encoded: The same as PNG, which `EventLog` takes as it is.
        step: Optimizer steps so far.
    """
    if isinstance(logger, TensorBoardLogger):
        from vae.training.event_log import EventWriter

        writer = logger.experiment
        if isinstance(writer, EventWriter):
            writer.add_png(name, encoded, (picture.shape[1], picture.shape[2]), step)
        else:
            writer.add_image(name, picture, step)
        return
    pixels = picture.permute(1, 2, 0).numpy()
    if isinstance(logger, WandbLogger):
        logger.log_image(name, [pixels], step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, pixels, key=name, step=step)


def end_loggers(loggers: Iterable[Logger]) -> None:
    """Let go of what would take the figures of the next run in this process for those of this one.

    There is one run of Weights & Biases in a process, which a logger made later goes on with.
    """
    if any(isinstance(logger, WandbLogger) for logger in loggers):
        import wandb

        wandb.finish()
