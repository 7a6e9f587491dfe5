"""How Lightning comes by the loader of a user's own, as it was read in version 2.6."""

__all__ = ["tell_epoch", "train_loader", "wrap_train_loader"]

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.data import _set_sampler_epoch
from lightning.pytorch.trainer.connectors.data_connector import (
    _DataLoaderSource,
    _process_dataloader,
    _request_dataloader,
)
from lightning.pytorch.trainer.states import RunningStage, TrainerFn
from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import DataLoader


class Failed:
    """Stands for a loader that could not be made, and says why when it is used."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        raise self.error

    def __iter__(self) -> Iterator[Any]:
        raise self.error


class WrappedSource(_DataLoaderSource):
    """Where Lightning gets the training loader from, which is wrapped on its way.

    Args:
        source: Lightning's own.
        trainer: Whose it is.
        wrap: From the user's loader to what training reads.
    """

    def __init__(
        self, source: _DataLoaderSource, trainer: pl.Trainer, wrap: Callable[[Any], Iterable[Any]]
    ) -> None:
        super().__init__(source.instance, source.name)
        self.trainer = trainer
        self.wrap = wrap

    def dataloader(self) -> Any:
        """Return the loader; as it is where Lightning has to take it apart.

        Lightning 2.6 patches DataLoader around this call, and takes the patch back only if it
        succeeds: an error is handed on when the loader is first used.
        """
        try:
            return self.wrapped(super().dataloader())
        except Exception as error:
            return Failed(error)

    def wrapped(self, loader: Any) -> Any:
        """Return what is read of a user's loader."""
        if isinstance(loader, Mapping | list | tuple | CombinedLoader):
            raise ValueError(
                "Lightning takes a list as several loaders, and one is needed to train on: give a "
                "DataLoader, or an object of your own whose __iter__ gives the batches"
            )
        few: Any = self.trainer.overfit_batches  # type: ignore[attr-defined]
        if few > 0:  # whose shuffling Lightning switches off
            return loader
        if isinstance(loader, DataLoader):  # of which each process gets its share
            loader = _process_dataloader(
                self.trainer, TrainerFn.FITTING, RunningStage.TRAINING, loader
            )
        return self.wrap(loader)


def wrap_train_loader(trainer: pl.Trainer, wrap: Callable[[Any], Iterable[Any]]) -> None:
    """Have a trainer that has its data, but has not begun, read what `wrap` makes of its loader."""
    loop = trainer.fit_loop
    loop._data_source = WrappedSource(loop._data_source, trainer, wrap)


def train_loader(trainer: pl.Trainer) -> Any:
    """Return the trainer's training loader, or one like it before that is set up.

    To set it up before training would lose its state in a resume; and a user's may be slow to make.
    """
    loop = trainer.fit_loop
    if loop._combined_loader is not None:
        return loop._combined_loader.flattened[0]
    loader = _request_dataloader(loop._data_source)
    if isinstance(loader, Failed):
        raise loader.error
    return loader


def tell_epoch(loader: object, epoch: int) -> None:
    """Tell the samplers of a loader that want to know it which epoch it is."""
    _set_sampler_epoch(loader, epoch)
