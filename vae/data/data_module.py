"""The data module: splits, where the data live, and the loaders."""

__all__ = ["DataModule"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from vae.checks import check_bool, check_int
from vae.data.amounts import LARGEST, suited_batch_size
from vae.data.description import described
from vae.data.eval_batches import EvalBatches
from vae.data.identity import changes_since, check_same
from vae.data.labelling import check_labelled
from vae.data.moments import moments
from vae.data.preprocess import Preprocess
from vae.data.source import Examples, Source
from vae.data.split_data import SplitData
from vae.data.splitting import Splitter
from vae.data.train_batches import TrainBatches
from vae.spec import DataSpec

CHUNK = 1024
Place = tuple[torch.device, int, int]  # rank and number of the processes


@final
class DataModule(LightningDataModule):
    """One source, split once, read in batches that are a pure function of the seeds.

    Some examples of a split are its first ones in a random order that ``split_seed`` fixes, so that
    they stand for all of them: files are often sorted. The noise of an example outside training is
    fixed by ``split_seed`` and where it is stored, whatever is read beside it.

    Args:
        source: The data set.
        batch_size: Training examples per step and process, ≥ 1; ``None`` means 128, or less of a
            small set: see `suited_batch_size`.
        eval_batch_size: Examples per step of validation and test; ``None`` means ``batch_size``,
            or 128.
        min_steps: How many optimizer steps a run makes at least whose number of epochs nobody
            chose, ≥ 1; see `suited_epochs`.
        val_size: How much of the training part is held out: a number of examples, a fraction, or
            ``None`` for the source's own validation set, or a tenth if it has none.
        test_size: The same for the test set, for sources without one of their own.
        train_size: Use only so many training examples; ``None`` means all.
        labelled: How many of them keep their label, equally many of each class; ``None``: all.
        labelled_share: How much of a batch is labelled then, if labels are read; ``None``: a tenth.
        binarization: ``none``, ``dynamic``, ``static`` or ``threshold``; see `Preprocess`.
        dequantize: Whether to add uniform noise to bytes.
        flip: Whether to mirror pictures at random in training.
        standardize: Whether the model subtracts mean and divides by standard deviation of the
            training part (`statistics`), and gives x in its own units; real vectors and sequences.
        drop_last: Whether training leaves out a last, smaller batch.
        seed: Seed of the order of training batches and of the noise in them, ≥ 0.
        split_seed: Seed of the splits, of static binarisation, and of noise outside training, ≥ 0.
        group_size: Training batches handed to the Trainer at once, ≥ 1; see `TrainBatches`.
        on_device: Whether the data live on the accelerator; ``None``: if half its free memory does.

    Attributes:
        spec: What reaches the model; known before any data are read.
        fields: What batches hold of each example: x alone, unless whoever reads them says more.
        repeats: Whether each epoch trains on the batches of the first in their order.

    Raises:
        ValueError: If a setting is out of range or does not suit the data.
        FileNotFoundError: If the user's own files are not there.
    """

    fields: Sequence[str] = ("x",)
    repeats: bool = False

    def __init__(
        self,
        source: Source,
        *,
        batch_size: int | None = None,
        eval_batch_size: int | None = None,
        min_steps: int = 500,
        val_size: int | float | None = None,
        test_size: int | float | None = None,
        train_size: int | None = None,
        labelled: int | None = None,
        labelled_share: float | None = None,
        binarization: str = "none",
        dequantize: bool = False,
        flip: bool = False,
        standardize: bool = False,
        drop_last: bool = True,
        seed: int = 0,
        split_seed: int = 0,
        group_size: int = 1,
        on_device: bool | None = None,
    ) -> None:
        super().__init__()
        self.source, self.batch_size = source, batch_size
        sizes = (eval_batch_size, batch_size, LARGEST)
        self.eval_batch_size = next(size for size in sizes if size is not None)
        self.min_steps, self.group_size, self.seed = min_steps, group_size, seed
        self.drop_last, self.on_device, self.labelled_share = drop_last, on_device, labelled_share
        self._check()
        check_labelled(labelled, labelled_share, source.spec)
        parts = (val_size, test_size, train_size)
        self.splitter = Splitter(source, *parts, seed=split_seed, labelled=labelled)
        self.preprocess = Preprocess(
            replace(source.spec, num_labelled=labelled),
            binarization=binarization,
            dequantize=dequantize,
            flip=flip,
            standardize=standardize,
        )
        self._parts: SplitData | None = None

    def _check(self) -> None:
        check_int("data.batch_size", self.batch_size, optional=True)
        check_int("data.seed", self.seed, low=0)
        for name in ("eval_batch_size", "min_steps", "group_size"):
            check_int(f"data.{name}", getattr(self, name))
        check_bool("data.drop_last", self.drop_last)
        check_bool("data.on_device", self.on_device, optional=True)

    @property
    def spec(self) -> DataSpec:
        """What reaches the model."""
        return self.preprocess.spec

    @property
    def num_train(self) -> int:
        """How many training examples there are; loads the data if need be."""
        return len(self.parts.splits["train"])

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and width of each dimension of the training part by `moments`; loads it."""
        return moments(self.parts.splits["train"])

    def prepare_data(self) -> None:
        """Download or decode what is missing; Lightning calls this in one process only."""
        self.source.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Load, check and split the data, once.

        Raises:
            ValueError: If values lie outside what was declared, or a split would be empty.
            FileNotFoundError: If files are missing.
        """
        if self._parts is None:
            self._parts = SplitData(self.source, self.splitter, self.preprocess)

    def state_dict(self) -> dict[str, Any]:
        """Return which data these are, for Lightning to keep in checkpoints."""
        return {"identity": {} if self._parts is None else self._parts.identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Refuse, with a ``ValueError``, to go on with other data than those of a checkpoint."""
        check_same(state_dict, self.parts.identity)

    def changes(self, state: Any) -> str:
        """Say what is another in these data than in those of a checkpoint; loads them if need be.

        Args:
            state: What `state_dict` returned then; ``None`` of a checkpoint from before it did.
        """
        return changes_since(state, self.parts.identity)

    def note(self, name: str, text: str) -> None:
        """Add to what `describe` says of the data; loads them if need be."""
        self.parts.facts[name] = text

    @property
    def parts(self) -> SplitData:
        """The examples of each split; loads them if need be."""
        self.setup()
        assert self._parts is not None
        return self._parts

    def train_dataloader(self) -> TrainBatches:
        """Return the training batches of this process; see `TrainBatches`."""
        place = self._place()
        return self._train_batches(self.parts.at("train", place[0], move=self.on_device), place)

    def _train_batches(self, examples: Examples, place: Place) -> TrainBatches:
        device, rank, world_size = place
        return TrainBatches(
            examples,
            self.preprocess,
            batch_size=self.batch_size_for(world_size),
            device=device,
            seed=self.seed,
            rank=rank,
            world_size=world_size,
            fields=self.fields,
            drop_last=self.drop_last,
            group_size=self.group_size,
            repeats=self.repeats,
            labelled_share=self.labelled_share,
        )

    def batch_size_for(self, world_size: int = 1) -> int:
        """Return how many examples each process takes for a step; loads the data if need be."""
        return self.batch_size or suited_batch_size(self.num_train // world_size)

    def count_batches(self, world_size: int = 1) -> int:
        """Return how many training batches each process reads in an epoch; loads the data.

        Raises:
            ValueError: If there are fewer examples than one batch takes.
        """
        examples = self.parts.splits["train"]
        return self._train_batches(examples, (examples.device, 0, world_size)).num_batches

    def val_dataloader(self) -> EvalBatches:
        """Return the validation batches of this process."""
        return self._shared_batches("val")

    def test_dataloader(self) -> EvalBatches:
        """Return the test batches of this process."""
        return self._shared_batches("test")

    def batches(
        self,
        split: str,
        *,
        device: torch.device | None = None,
        n: int | None = None,
        batch_size: int | None = None,
        mean: bool = False,
        fields: Sequence[str] | None = ("x",),
    ) -> EvalBatches:
        """Return the batches of one process over ``n`` examples of a split, each once.

        Of fewer than there are, the first ones of a random order, in which a smaller ``n`` is the
        beginning of a larger one; all of a part of the data set's own in the order of its files.

        Args:
            split: ``train``, ``val`` or ``test``.
            device: Where batches go; ``None`` means where the examples are.
            n: How many examples, ≥ 1; ``None`` means all.
            batch_size: Examples per batch, ≥ 1; ``None`` means ``eval_batch_size``.
            mean: Whether values are their means over the noise; see `EvalBatches`.
            fields: What a batch holds of each example: x, index, and label, factors or others where
                the data have them; ``None`` means all that they have.

        Raises:
            ValueError: If there is no such split or field, or ``n`` is below 1.
        """
        examples = self.parts.first(split, n)
        return EvalBatches(
            examples,
            self.preprocess,
            batch_size=batch_size or self.eval_batch_size,
            device=device or examples.device,
            seed=self.parts.noise_seed(split),
            fields=examples.names if fields is None else fields,
            mean=mean,
        )

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Leave a batch alone: the loaders make it where it is needed."""
        return batch

    def _shared_batches(self, split: str) -> EvalBatches:
        device, rank, world_size = self._place()
        self.parts.at(split, device, move=self.on_device)
        all_of_them = self.batches(split, device=device, fields=self.fields)
        return replace(all_of_them, rank=rank, world_size=world_size)

    def _place(self) -> Place:
        if self.trainer is None:
            return torch.device("cpu"), 0, 1
        strategy = self.trainer.strategy
        return strategy.root_device, self.trainer.global_rank, self.trainer.world_size

    def examples(
        self, split: str, n: int | None = None, fields: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Return ``n`` examples of a split as one batch, the same as `batches` gives.

        Args:
            split: ``train``, ``val`` or ``test``.
            n: How many, ≥ 1; ``None`` means all of them, in memory at once.
            fields: What is wanted of each, all that is known by default; see `batches`.

        Raises:
            ValueError: If there is no such split or field, or ``n`` is below 1.
        """
        batches = self.batches(split, n=n, batch_size=CHUNK, fields=fields)
        parts = list(batches)
        return {name: torch.cat([part[name] for part in parts]) for name in batches.fields}

    def describe(self) -> dict[str, str | int]:
        """Return what a report should say about the data; loads them if need be."""
        seeds = {"split_seed": self.splitter.seed, "seed": self.seed}
        return described(self.parts, self.preprocess, batch_size=self.batch_size_for(), **seeds)
