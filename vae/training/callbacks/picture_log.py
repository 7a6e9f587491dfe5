"""Pictures of what the model does, every few epochs."""

__all__ = ["Pictures"]

from collections.abc import Mapping
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.distributed.fsdp import FSDPModule

from vae.at_once import suited_rows
from vae.batch import Batch
from vae.evaluation import NotApplicable, reconstructions, render, samples, save_picture
from vae.evaluation.drawing.by_condition import samples_by_condition
from vae.evaluation.drawing.render import encode_png
from vae.evaluation.drawing.timelines import timelines, with_gaps
from vae.evaluation.drawing.value_range import value_range
from vae.evaluation.measures.moving import most_used, moved, starts_of, values_of
from vae.evaluation.measures.variables import Variables, study_all
from vae.models import Model
from vae.spec import DataSpec
from vae.training.lightning_adapter import AdaptedModule
from vae.training.parallel import unsharded
from vae.training.sinks import log_picture

STEPS = 9  # of a traversal
ROWS = 6  # of samples
MOST = 1536  # small pictures of a grid; of large ones fewer rows: a few cost a training step
PAIR = ("original", "reconstruction")


class Pictures(Callback):
    """Writes reconstructions, prior samples and traversals to the loggers and to the run folder.

    Of a conditional VAE also samples of each class, or at quantiles of a number.

    Of x of one to four dimensions, the first of four being time, and of a model that makes x; what
    cannot be drawn is said once.

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
        self.said: set[str] = set()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw, on the first process only; where the weights are sharded, on all of them."""
        last = trainer.current_epoch + 1 == trainer.max_epochs
        due = last or (trainer.current_epoch + 1) % self.every_n_epochs == 0
        model = pl_module.model
        idle = not (trainer.is_global_zero or isinstance(model, FSDPModule))
        if trainer.sanity_checking or idle or not due:
            return
        assert isinstance(pl_module, AdaptedModule)
        assert isinstance(model, Model)
        data = pl_module.user_data.examples(pl_module)
        self.span = self.span or value_range(data)
        beside = ("length",) if data.spec.of_sequences else ()
        batch = data.examples("val", self.columns, tuple(dict.fromkeys((*model.fields, *beside))))
        batch = {name: value.to(pl_module.device) for name, value in batch.items()}
        try:
            with unsharded(model):
                drawn = (batch, self.columns, self.max_dims, self.span)
                pictures = draw_all(model, *drawn, data.spec)
        except NotApplicable as reason:
            self.tell(trainer, f"Pictures are left out: {reason}.")
            return
        if trainer.is_global_zero:
            for name, picture in pictures.items():
                self.write(trainer, name, picture)

    def tell(self, trainer: pl.Trainer, sentence: str) -> None:
        """Say something once, on the first process."""
        if trainer.is_global_zero and sentence not in self.said:
            print(sentence, flush=True)
        self.said.add(sentence)

    def write(self, trainer: pl.Trainer, name: str, picture: Tensor) -> None:
        """Send one picture to the loggers and to its file."""
        encoded = encode_png(picture)
        for logger in trainer.loggers:
            log_picture(logger, f"pictures/{name}", picture, encoded, trainer.global_step)
        if self.folder is not None:
            save_picture(Path(self.folder) / f"{name}.png", encoded)


def movable(latents: Mapping[str, Variables]) -> bool:
    """Say whether a latent of each example has a coordinate that can move alone."""
    return not all(one.tied for one in latents.values())


@torch.no_grad()
def draw_all(
    model: Model,
    batch: Batch,
    columns: int,
    max_dims: int,
    span: tuple[float, float],
    spec: DataSpec | None = None,
) -> dict[str, Tensor]:
    """Return the pictures by name, each uint8 ``(3, height, width)``.

    Raises:
        NotApplicable: If x is of a shape that cannot be drawn, or the model makes none.
    """
    if model.predicts is not None:
        raise NotApplicable(f"the model predicts {model.predicts} from x, and makes no x")
    dims = batch["x"].dim() - 1
    if not 1 <= dims <= 4:
        raise NotApplicable(f"x has {dims} dimensions, and those of one to four are drawn")
    at_most = suited_rows(MOST, batch["x"].shape[1:])
    with torch.random.fork_rng():
        latents = study_all(model, [batch])
        dims = min(max_dims, max(1, at_most // STEPS))
        chosen = most_used(latents, dims) if movable(latents) else []
        values = values_of(latents, chosen, STEPS)
    place = torch.arange(columns) % len(batch["x"])
    above = {name: value[place.to(value.device)] for name, value in batch.items()}
    pair = with_gaps(reconstructions(model, batch), batch)
    rows = samples(model, min(ROWS, max(1, at_most // columns)), columns, batch=above)
    pictures = {
        "reconstructions": render(
            timelines(pair, spec, batch.get("length")), span=span, labels=PAIR
        ),
        "samples": render(timelines(rows, spec, above.get("length")), span=span),
    }
    shelves = {} if spec is None else samples_by_condition(model, spec, above)
    for name, (rows, labels) in shelves.items():
        rows = timelines(rows, spec, above.get("length"))
        pictures[f"samples_by_{name}"] = render(rows, span=span, labels=labels)
    if chosen:
        first = {name: value[:1] for name, value in batch.items()}
        (start,) = starts_of(model, first, latents)
        rows = timelines(moved(model, start, chosen, values), spec, start[1].get("length"))
        labels = [latents[name].label(dim) for name, dim in chosen]
        pictures["traversals"] = render(rows, span=span, labels=labels)
    return pictures
