"""A data set once it is read: which examples each split has, in which order, with which noise."""

__all__ = ["SPLITS", "SplitData"]

from typing import final

import torch

from vae.checks import check_choice, check_int
from vae.data.formats.values import advice
from vae.data.identity import identity
from vae.data.preprocess import Preprocess, check_at_hand
from vae.data.randomness import Noise, permutation, stream_seed
from vae.data.source import Examples, Source, Splits
from vae.data.splitting import Splitter
from vae.data.value_checks import check_values

SPLITS = ("train", "val", "test")
# Besides the data the device must hold the net, its gradients and activations.
DEVICE_SHARE = 0.5


@final
class SplitData:
    """What a source holds: read, checked and split.

    Args:
        source: The data set.
        splitter: Cuts the splits that the source has no part of its own for.
        preprocess: Draws a static binarisation once and for all.

    Attributes:
        splits: The examples by name of the split.
        facts: What a summary says of how they were read; see `Splits`.
        identity: What tells them from others; see `identity`.

    Raises:
        ValueError: If values lie outside what was declared, or a split would be empty.
        FileNotFoundError: If files are missing.
    """

    def __init__(self, source: Source, splitter: Splitter, preprocess: Preprocess) -> None:
        loaded = source.load()
        for examples in (loaded.train, loaded.val, loaded.test):
            if examples is not None:
                check_values(examples, source.spec)
        self._split(loaded, splitter, preprocess)
        train, standardized = self.splits["train"], preprocess.spec.standardized
        if standardized:
            check_at_hand(train, "data.standardize=true", "false")
        told = advice(train, source.spec, standardized=standardized)
        self.facts = {**loaded.facts, **({"advice": told} if told else {})}
        self.identity = identity(loaded)

    def _split(self, loaded: Splits, splitter: Splitter, preprocess: Preprocess) -> None:
        noise = Noise(torch.device("cpu"))
        self.seed = splitter.seed
        self.splits = {
            name: preprocess.freeze(examples, noise.at(self.seed, i))
            for i, (name, examples) in enumerate(splitter.split(loaded).items())
        }
        own = {name: getattr(loaded, name) is not None for name in SPLITS}
        # The stored part that a split lies in: 0 is that of training.
        self.homes = {name: number * own[name] for number, name in enumerate(SPLITS)}

    def first(self, split: str, n: int | None) -> Examples:
        """Return the first ``n`` examples of a random order, or all in their own order.

        Raises:
            ValueError: If there is no such split, or ``n`` is below 1.
        """
        check_choice("split", split, SPLITS)
        check_int("max_examples", n, optional=True)
        examples, home = self.splits[split], self.homes[split]
        size = len(examples)
        if n is None or n >= size:
            return examples
        # What is cut from the training part is in a random order already.
        order = permutation(size, self.seed, home) if home else torch.arange(size)
        return examples.subset(order[:n].to(examples.device))

    def noise_seed(self, split: str) -> int:
        """Return the seed of the noise of its examples outside training.

        It goes by the part they are stored in: sizes of splits do not change their noise.
        """
        return stream_seed(self.seed, self.homes[split])

    def at(self, split: str, device: torch.device, *, move: bool | None) -> Examples:
        """Return a split, moved to a device for good if it is to ``move``: ``None``, if it fits."""
        examples = self.splits[split]
        if move or (move is None and fits(examples, device)):
            self.splits[split] = examples.to(device)
        return self.splits[split]


def fits(examples: Examples, device: torch.device) -> bool:
    """Say whether examples leave a device enough memory to train on them."""
    if examples.files is not None:
        return False
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return examples.num_bytes < DEVICE_SHARE * free
