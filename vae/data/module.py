"""The data module: splits, where the data live, and the loaders."""

__all__ = ["DataModule", "Sample", "make_data"]

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, final

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from vae.data.amounts import LARGEST, suited_batch_size
from vae.data.batches import EvalBatches, TrainBatches
from vae.data.checks import check_bool, check_choice, check_int, check_values
from vae.data.preprocess import Preprocess
from vae.data.randomness import Noise
from vae.data.source import Examples, Source
from vae.data.spec import DataSpec
from vae.data.splitting import Splitter

# Besides the data the device must hold the net, its gradients and activations.
DEVICE_SHARE = 0.5
SPLITS = ("train", "val", "test")


class Sample(NamedTuple):
    """Some preprocessed examples: ``x`` ``(N, *shape)``, labels ``(N,)``, factors ``(N, F)``."""

    x: Tensor
    labels: Tensor | None
    factors: Tensor | None


@final
class DataModule(LightningDataModule):
    """One source, split once, read in batches that are a pure function of the seeds.

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
        binarization: ``none``, ``dynamic``, ``static`` or ``threshold``; see `Preprocess`.
        dequantize: Whether to add uniform noise to bytes.
        flip: Whether to mirror pictures at random in training.
        standardize: Whether to subtract mean and divide by standard deviation of the training
            part; real vectors only.
        drop_last: Whether training leaves out a last, smaller batch.
        seed: Seed of the order of batches and of the noise in them, ≥ 0.
        split_seed: Seed of the splits and of static binarisation, ≥ 0.
        group_size: Training batches handed to the Trainer at once, ≥ 1; see `TrainBatches`.
        on_device: Whether the data live on the accelerator; ``None`` means if they fit in half of
            its free memory.

    Attributes:
        spec: What reaches the model; known before any data are read.

    Raises:
        ValueError: If a setting is out of range or does not suit the data.
        FileNotFoundError: If the user's own files are not there.
    """

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
        if batch_size is not None:
            check_int("data.batch_size", batch_size)
        check_int("data.min_steps", min_steps)
        check_int("data.seed", seed, low=0)
        check_int("data.group_size", group_size)
        check_bool("data.standardize", standardize)
        check_bool("data.drop_last", drop_last)
        if eval_batch_size is not None:
            check_int("data.eval_batch_size", eval_batch_size)
        if on_device is not None:
            check_bool("data.on_device", on_device)
        self.source = source
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size or batch_size or LARGEST
        self.min_steps = min_steps
        self.standardize = standardize
        self.drop_last = drop_last
        self.seed = seed
        self.group_size = group_size
        self.on_device = on_device
        self.splitter = Splitter(source, val_size, test_size, train_size, seed=split_seed)
        self.preprocess = Preprocess(
            source.spec, binarization=binarization, dequantize=dequantize, flip=flip
        )
        self._splits: dict[str, Examples] = {}
        self._facts: Mapping[str, str] = {}

    @property
    def spec(self) -> DataSpec:
        """What reaches the model."""
        return self.preprocess.spec

    @property
    def num_train(self) -> int:
        """How many training examples there are; loads the data if need be."""
        self.setup()
        return len(self._splits["train"])

    def prepare_data(self) -> None:
        """Download or decode what is missing; Lightning calls this in one process only."""
        self.source.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Load, check and split the data, once.

        Raises:
            ValueError: If values lie outside what was declared, or a split would be empty.
            FileNotFoundError: If files are missing.
        """
        if self._splits:
            return
        loaded = self.source.load()
        for examples in (loaded.train, loaded.val, loaded.test):
            if examples is not None:
                check_values(examples, self.source.spec)
        self._splits = self._frozen(self.splitter.split(loaded))
        self._facts = loaded.facts
        if self.standardize:
            self.preprocess.fit(self._splits["train"])

    def _frozen(self, splits: dict[str, Examples]) -> dict[str, Examples]:
        noise = Noise(torch.device("cpu"))
        return {
            name: self.preprocess.freeze(examples, noise.at(self.splitter.seed, i))
            for i, (name, examples) in enumerate(splits.items())
        }

    def train_dataloader(self) -> TrainBatches:
        """Return the training batches of this process.

        Raises:
            ValueError: If there are fewer examples than one batch takes.
        """
        device, rank, world_size = self._place()
        return TrainBatches(
            self._on("train", device),
            self.preprocess,
            batch_size=self.batch_size_for(world_size),
            device=device,
            seed=self.seed,
            rank=rank,
            world_size=world_size,
            drop_last=self.drop_last,
            group_size=self.group_size,
        )

    def batch_size_for(self, world_size: int = 1) -> int:
        """Return how many examples each process takes for a step; loads the data if need be."""
        return self.batch_size or suited_batch_size(self.num_train // world_size)

    def count_batches(self, world_size: int = 1) -> int:
        """Return how many training batches each process reads in an epoch; loads the data.

        Raises:
            ValueError: If there are fewer examples than one batch takes.
        """
        self.setup()
        return TrainBatches(
            self._splits["train"],
            self.preprocess,
            batch_size=self.batch_size_for(world_size),
            world_size=world_size,
            drop_last=self.drop_last,
        ).num_batches

    def val_dataloader(self) -> EvalBatches:
        """Return the validation batches of this process."""
        return self._eval_batches("val")

    def test_dataloader(self) -> EvalBatches:
        """Return the test batches of this process."""
        return self._eval_batches("test")

    def batches(
        self,
        split: str,
        *,
        device: torch.device | None = None,
        n: int | None = None,
        batch_size: int | None = None,
    ) -> EvalBatches:
        """Return the batches of one process over the first ``n`` examples of a split, each once.

        Args:
            split: ``train``, ``val`` or ``test``.
            device: Where batches go; ``None`` means where the examples are.
            n: How many examples, ≥ 1; ``None`` means all.
            batch_size: Examples per batch, ≥ 1; ``None`` means ``eval_batch_size``.

        Raises:
            ValueError: If there is no such split, or ``n`` is below 1.
        """
        check_choice("split", split, SPLITS)
        if n is not None:
            check_int("max_examples", n)
        self.setup()
        examples = self._splits[split]
        rows = torch.arange(len(examples), device=examples.device)[:n]
        return EvalBatches(
            examples.subset(rows),
            self.preprocess,
            batch_size=batch_size or self.eval_batch_size,
            device=device,
            seed=self.seed,
        )

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Leave a batch alone: the loaders make it where it is needed."""
        return batch

    def _eval_batches(self, split: str) -> EvalBatches:
        device, rank, world_size = self._place()
        return EvalBatches(
            self._on(split, device),
            self.preprocess,
            batch_size=self.eval_batch_size,
            device=device,
            seed=self.seed,
            rank=rank,
            world_size=world_size,
        )

    def _place(self) -> tuple[torch.device, int, int]:
        if self.trainer is None:
            return torch.device("cpu"), 0, 1
        strategy = self.trainer.strategy
        return strategy.root_device, self.trainer.global_rank, self.trainer.world_size

    def _on(self, split: str, device: torch.device) -> Examples:
        examples = self._splits[split]
        if self.on_device or (self.on_device is None and _fits(examples, device)):
            self._splits[split] = examples.to(device)
        return self._splits[split]

    def examples(self, split: str, n: int | None = None) -> Sample:
        """Return the first ``n`` examples of a split as the model sees them, always the same.

        Args:
            split: ``train``, ``val`` or ``test``.
            n: How many; ``None`` means all of them, in memory at once.

        Raises:
            ValueError: If there is no such split.
        """
        check_choice("split", split, SPLITS)
        self.setup()
        examples = self._splits[split]
        rows = torch.arange(len(examples), device=examples.device)[:n]
        chosen = examples.subset(rows)
        noise = Noise(examples.device).at(self.seed)
        return Sample(self.preprocess(examples.take(rows), noise), chosen.labels, chosen.factors)

    def describe(self) -> dict[str, str | int]:
        """Return what a report should say about the data; loads them if need be."""
        self.setup()
        return {
            "data": self.spec.name,
            "shape": "×".join(map(str, self.spec.shape)),
            "binarization": self.preprocess.binarization,
            "dequantize": str(self.preprocess.dequantize),
            **{f"{name}_examples": len(examples) for name, examples in self._splits.items()},
            **self._facts,
            "batch_size": self.batch_size_for(),
            "split_seed": self.splitter.seed,
            "seed": self.seed,
        }


def _fits(examples: Examples, device: torch.device) -> bool:
    if examples.files is not None:
        return False
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return examples.num_bytes < DEVICE_SHARE * free


def make_data(
    config: dict[str, Any], instantiate: Callable[[dict[str, Any]], Source]
) -> DataModule:
    """Build the data module that a ``data`` config group describes.

    Keys that `DataModule` takes go to it; the others are there for short names on the command line
    and must occur under ``source``, which refers to them.

    Args:
        config: The resolved group, with a node ``source``.
        instantiate: Turns the node ``source`` into a `Source`.

    Raises:
        ValueError: If a key is neither, naming the nearest one that is.
    """
    own = set(inspect.signature(DataModule).parameters) - {"source"}
    allowed = own | set(config["source"]) - {"_target_"}
    for key in sorted(set(config) - allowed - {"source"}):
        near = difflib.get_close_matches(key, allowed, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(sorted(allowed))}."
        raise ValueError(f"data has no setting {key!r}; {hint}")
    settings = {key: config[key] for key in own & set(config)}
    return DataModule(instantiate(config["source"]), **settings)
