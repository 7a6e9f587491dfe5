"""Pictures of what the model does, every few epochs."""

__all__ = ["Pictures"]

from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.distributed.fsdp import FSDPModule

from vae.data import DataModule
from vae.evaluation import (
    decoded,
    reconstructions,
    render,
    samples,
    save_picture,
    study,
    traverse,
)
from vae.evaluation.value_range import value_range
from vae.models import Model
from vae.training.parallel import unsharded

STEPS = 9  # of a traversal
PAIR = ("original", "reconstruction")


class Pictures(Callback):
    """Writes reconstructions, prior samples and traversals to TensorBoard and to the run folder.

    Args:
        every_n_epochs: How often, at least 1; the last epoch always.
        columns: Pictures per row, 1 to 100.
        max_dims: How many latent dimensions are traversed, 1 to 100.
        folder: Where PNG files go; ``None`` writes none.
    """

    def __init__(
        self,
        *,
        every_n_epochs: int = 1,
        columns: int = 10,
        max_dims: int = 10,
        folder: str | None = None,
    ) -> None:
        if min(every_n_epochs, columns, max_dims) < 1:
            raise ValueError("every_n_epochs, columns and max_dims must be at least 1")
        if max(columns, max_dims) > 100:  # columns² are drawn at once
            raise ValueError("columns and max_dims must be at most 100")
        self.every_n_epochs = every_n_epochs
        self.columns = columns
        self.max_dims = max_dims
        self.folder = folder
        self.span: tuple[float, float] | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw, on the first process only; where the weights are sharded, on all of them."""
        last = trainer.current_epoch + 1 == trainer.max_epochs
        due = last or (trainer.current_epoch + 1) % self.every_n_epochs == 0
        data = trainer.datamodule  # type: ignore[attr-defined]
        model = pl_module.model
        idle = not (trainer.is_global_zero or isinstance(model, FSDPModule))
        if trainer.sanity_checking or idle or not due:
            return
        assert isinstance(data, DataModule)
        assert isinstance(model, Model)
        self.span = self.span or value_range(data)
        x = data.examples("val", self.columns)["x"].to(pl_module.device)
        with unsharded(model):
            pictures = draw_all(model, x, self.columns, self.max_dims, self.span)
        if trainer.is_global_zero:
            for name, picture in pictures.items():
                self.write(trainer, name, picture)

    def write(self, trainer: pl.Trainer, name: str, picture: Tensor) -> None:
        """Send one picture to TensorBoard and to its file."""
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"pictures/{name}", picture, trainer.global_step)
        if self.folder is not None:
            save_picture(Path(self.folder) / f"{name}.png", picture)


@torch.no_grad()
def draw_all(
    model: Model, x: Tensor, columns: int, max_dims: int, span: tuple[float, float]
) -> dict[str, Tensor]:
    """Return the pictures by name, each uint8 ``(3, height, width)``."""
    with torch.random.fork_rng():
        variables = study(model, [{"x": x}])
        dims = variables.order(max_dims)
        paths = traverse(model.embed(x[:1])[0], dims, variables.values(dims, STEPS))
    labels = [variables.label(dim) for dim in dims]
    return {
        "reconstructions": render(reconstructions(model, x), span=span, labels=PAIR),
        "samples": render(samples(model, 6, columns), span=span),
        "traversals": render(decoded(model, paths, 2), span=span, labels=labels),
    }
