"""What a user's own loaders are to a module: batches by name, and what is known of the data."""

__all__ = ["UserData", "data_module"]

from collections import deque
from collections.abc import Sized
from dataclasses import asdict
from functools import partial
from typing import Any, Protocol, final

import lightning.pytorch as pl
import torch
from torch import Tensor

from vae.batch import Batch, check_fields
from vae.data import DataModule, DataSpec, Group, Memory
from vae.data.batch_names import Names, named
from vae.draws import count_rows
from vae.models import Model
from vae.supports import OF_DATA, same_support
from vae.training.lightning_loading import wrap_train_loader
from vae.training.loaded_batches import GivenDraft, LoadedBatches, Resident

KEPT = 1000  # validation examples that pictures are made of
UNNAMED = "data"


class Module(Protocol):
    """What is asked of a `VAEModule` here."""

    model: Model
    seed: int

    @property
    def trainer(self) -> pl.Trainer: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def fields(self) -> tuple[str, ...]: ...


@final
class UserData:
    """Reads the batches of loaders that are not ours, and keeps a few examples for pictures.

    Args:
        names: Which entry of a batch is which field; see `vae.data.batch_names.named`.
    """

    def __init__(self, names: Names = None) -> None:
        self.names = names
        self.begin()

    def begin(self) -> None:
        """Forget what was seen of other loaders."""
        self.name = UNNAMED
        self.shape: tuple[int, ...] = ()
        self.num_examples = 0
        self.checked: set[str] = set()
        self.kept: list[dict[str, Tensor]] = []
        self.shown: DataModule | None = None
        self.resident: Resident | None = None
        self.numbers: deque[int] = deque()

    def attach(self, module: Module, stage: str) -> None:
        """Ask a Trainer's data for what is read, or have it resume a loader that is not ours."""
        trainer = module.trainer
        data = data_module(trainer)
        self.begin()
        if data is not None:
            data.fields, self.name = module.fields, data.spec.name
            self.shape = data.spec.shape
        elif stage == "fit":
            wrap_train_loader(trainer, partial(self.loaded, module))

    def loaded(self, module: Module, loader: Any) -> LoadedBatches:
        """Return the training batches of a user's own loader."""
        self.name, self.num_examples = name_of(loader), count(loader)
        trainer = module.trainer
        rank, world_size = trainer.global_rank, trainer.world_size
        return LoadedBatches(
            loader, self.numbers, seed=module.seed, rank=rank, world_size=world_size
        )

    def batch(self, module: Module, batch: Any, stage: str) -> Batch:
        """Return a batch by names; of a user's own loader the first of each stage is looked at.

        Args:
            module: Whose batch it is.
            batch: As the loader gives it.
            stage: ``train``, ``val``, ``test`` or ``predict``.

        Raises:
            TypeError: If a field is no tensor.
            ValueError: If one is missing, or x does not suit the model.
        """
        if data_module(module.trainer) is not None:
            ours: Batch = batch
            return ours
        first = next(module.model.parameters(), None)
        found = named(batch, self.names, torch.float32 if first is None else first.dtype)
        if stage not in self.checked:
            module.model.check(found, scored=stage != "predict")
            self.checked.add(stage)
            self.shape = tuple(found["x"].shape[1:])
        if stage == "val" and sum(map(count_rows, self.kept)) < KEPT:
            self.kept.append({name: value.cpu() for name, value in found.items()})
        check_fields(module.fields, found, self.name)
        return {name: found[name] for name in module.fields}

    def group(self, module: Module, found: Any, number: int) -> Group:
        """Return a group of training batches; a batch of a user's own is one by itself."""
        if isinstance(found, Group):
            return found
        batch = self.batch(module, found, "train")
        number = self.numbers.popleft() if self.numbers else number
        if self.resident is None:
            self.resident = Resident(module.device)
        draft = GivenDraft(batch, count_rows(batch), self.resident)
        return Group(number, iter([draft]), 1)

    def spec_of(self, model: Model) -> dict[str, Any]:
        """Return what is known of the data, as the plain values of a `DataSpec`."""
        return asdict(DataSpec(self.name, self.shape, support_of(model)))

    def examples(self, module: Module) -> DataModule:
        """Return the Trainer's data, or the validation examples that were kept, for pictures."""
        if (data := data_module(module.trainer)) is not None:
            return data
        if self.shown is None:
            together = {
                name: torch.cat([part[name] for part in self.kept]) for name in self.kept[0]
            }
            part = {name: value[:KEPT] for name, value in together.items()}
            support = support_of(module.model)
            source = Memory(part, val=part, test=part, support=support, name=self.name)
            self.shown = DataModule(source)
        return self.shown


def support_of(model: Model) -> str:
    """Return where the values of the examples of a model lie, as far as it says."""
    if model.likelihood is None:
        return "real"
    own = model.likelihood.support
    return next((name for name, found in OF_DATA.items() if same_support(own, found)), "real")


def data_module(trainer: pl.Trainer) -> DataModule | None:
    """Return a Trainer's data, unless they are a user's own."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    return data if isinstance(data, DataModule) else None


def name_of(loader: Any) -> str:
    """Return what to call the data of a loader: the class of its data set, if it has one."""
    dataset = getattr(loader, "dataset", None)
    return UNNAMED if dataset is None else type(dataset).__name__


def count(loader: Any) -> int:
    """Return how many examples a loader reads in an epoch; 0 if it does not say."""
    dataset = getattr(loader, "dataset", None)
    return len(dataset) if isinstance(dataset, Sized) else 0
