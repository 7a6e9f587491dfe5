"""What is measured: the workloads, and one of them as a contestant gets it."""

__all__ = [
    "MODULES",
    "OURS",
    "TRAINERS",
    "WORKLOADS",
    "Case",
    "Workload",
    "contestants",
    "device_at_hand",
    "find_run",
    "settings_of",
    "write_pictures",
]

from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.throughput.nets import put_mnist_nets
from benchmarks.throughput.turns import Run
from vae.build import build_data, build_model
from vae.cli.compose import compose_settings
from vae.data import DataModule

MODULES = {  # in each, a function for each task; ours have their turns next to the others'
    "plain": "benchmarks.throughput.plain",
    "floor": "benchmarks.throughput.floor",
    "ours": "benchmarks.throughput.ours",
    "pythae": "benchmarks.throughput.peers",
    "jax": "benchmarks.throughput.in_jax",
    "fast": "benchmarks.throughput.ours",
    "captured": "benchmarks.throughput.captured",
    "graph": "benchmarks.throughput.ours",
}
OURS = ("ours", "graph", "fast")
ON_GPU = ("captured", "graph")  # who take part there only
BATCH_SIZE = 128
HELD_OUT = 512  # pictures of validation and of test
FAST = ["channels_last=true", "compile=true"]
GRAPH = ["cuda_graph=true", "group_size=100"]
TRAINERS = {"cpu": "trainer=cpu", "cuda": "trainer=gpu"}
BF16 = ["trainer.precision=bf16-mixed"]
BYTES = ["data.binarization=dynamic"]
COMMON = [
    "data=array",
    f"data.batch_size={BATCH_SIZE}",
    f"data.val_size={HELD_OUT}",
    f"data.test_size={HELD_OUT}",
    "likelihood=bernoulli",
    "optimizer=adam",
    "scheduler=constant",
    "trainer.max_epochs=100000",
]


@dataclass(frozen=True)
class Workload:
    """Something to measure.

    Attributes:
        overrides: The command line of ``train.py``, besides `COMMON`.
        shape: Of one picture.
        task: The function of each contestant's module.
        examples: Pictures per step.
        group: Steps of a turn; in training a multiple of ``group_size``.
        share: Of the steps that the command asks for.
        pictures: How many training pictures there are.
        binary: Whether these are black and white, else grey.
        put_nets: Changes the nets of a model that the settings built, or ``None``.
        in_jax: Whether a loop in JAX takes part, which knows few layers.
    """

    overrides: Sequence[str]
    shape: tuple[int, ...] = (1, 28, 28)
    task: str = "train"
    examples: int = BATCH_SIZE
    group: int = 20
    share: float = 1.0
    pictures: int = 60_000
    binary: bool = False
    put_nets: Callable[[Any], None] | None = None
    in_jax: bool = False


# Where a step takes seconds, groups of 4 steps are handed to Lightning: to the disadvantage of
# `ours`, if it makes a difference.
HEAVY: Mapping[str, Any] = {"group": 4, "share": 0.04}
WORKLOADS = {
    # Of half a second, so that what is shown twice in a second is not shown twice in a turn.
    "mlp 784-400-20": Workload(["model=mlp", *BYTES], group=120, in_jax=True),
    "conv 28×28": Workload(["model=mlp", *BYTES, "group_size=4"], put_nets=put_mnist_nets, **HEAVY),
    "conv 64×64": Workload(
        ["model=burgess"], (1, 64, 64), share=0.2, pictures=20_000, binary=True, in_jax=True
    ),
    "resnet 32×32 RGB": Workload(
        ["model=resnet", "group_size=4"], (3, 32, 32), pictures=20_000, binary=True, **HEAVY
    ),
    "iwae, 50 samples": Workload(
        ["model=mlp", *BYTES, "objective=iwae", "objective.num_samples=50", "group_size=4"],
        group=4,
        share=0.1,
        in_jax=True,
    ),
    "likelihood, 1,000 samples": Workload(
        ["model=mlp", *BYTES], task="likelihood", examples=64, group=1, share=0.025
    ),
    "sampling, mlp": Workload(
        ["model=mlp", *BYTES], task="sampling", examples=10_000, group=1, share=0.05
    ),
    "sampling, conv 64×64": Workload(
        ["model=burgess"], (1, 64, 64), "sampling", 10_000, 1, 0.02, pictures=20_000, binary=True
    ),
}


class Case:
    """A workload with its pictures, as one contestant gets it.

    Args:
        workload: What to do.
        pictures: The file of them.
        folder: Where the contestant may write.
        overrides: Further settings.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        workload: Workload,
        pictures: Path,
        folder: Path,
        overrides: Sequence[str] = (),
        *,
        device: str = "cpu",
    ) -> None:
        given = [
            *COMMON,
            TRAINERS[device],
            *workload.overrides,
            f"data.path={pictures}",
            *overrides,
        ]
        self.device = torch.device(device, 0) if device == "cuda" else torch.device(device)
        self.settings = compose_settings(given, folder=folder)
        self.workload = workload
        self.path = pictures
        self.folder = folder

    @cached_property
    def data(self) -> DataModule:
        """The project's data module, set up."""
        data = build_data(self.settings)
        data.setup("fit")
        return data

    @property
    def num_samples(self) -> int:
        """Latents per picture in training."""
        return int(self.settings["objective"].get("num_samples", 1))

    def model(self) -> Any:
        """Build the model that the settings describe, with the nets of the workload."""
        torch.manual_seed(0)
        model = build_model(self.settings, build_data(self.settings).spec)
        self.put_nets(model)
        return model.to(self.device)

    def put_nets(self, model: Any) -> None:
        """Change the nets of a model if the workload has its own."""
        if self.workload.put_nets is not None:
            self.workload.put_nets(model)

    def drawn_pictures(self) -> np.ndarray:
        """Return the training pictures, drawn once if they are grey, bool ``(N, *shape)``."""
        pictures = np.load(self.path)[: self.workload.pictures]
        if pictures.dtype == bool:
            return pictures
        levels = np.random.default_rng(1).integers(0, 255, pictures.shape, dtype=np.uint8)
        return pictures > levels

    def test_pictures(self) -> Tensor:
        """Return as many drawn pictures as a step takes, float ``(B, *shape)``."""
        return self.data.examples("test", self.workload.examples)["x"].to(self.device)


def contestants(workload: Workload, *, fast: bool, device: str = "cpu") -> list[str]:
    """Return who takes part."""
    absent = {"pythae"} if find_spec("pythae") is None else set()
    absent |= set() if workload.in_jax and find_spec("jax") else {"jax"}
    absent |= set() if fast and workload.task == "train" else {"fast"}
    absent |= set() if device == "cuda" and workload.task == "train" else set(ON_GPU)
    return [name for name in MODULES if name not in absent]


def find_run(name: str, case: Case) -> Run:
    """Return the loop of a contestant."""
    run: Run = getattr(import_module(MODULES[name]), case.workload.task)(case)
    return run


def device_at_hand(name: str) -> str:
    """Return the name of a device, as an option of a command.

    Raises:
        ArgumentTypeError: If it is neither ``cpu`` nor ``cuda``, or there is no GPU.
    """
    if name not in TRAINERS:
        raise ArgumentTypeError(f"must be cpu or cuda; got {name}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ArgumentTypeError("torch sees no GPU: use cpu")
    return name


def settings_of(name: str, device: str) -> list[str]:
    """Return the settings that make a contestant: bf16 only where the device multiplies it."""
    if name == "graph":
        return GRAPH
    if name != "fast":
        return []
    if device == "cuda":
        return [*FAST, *GRAPH, *BF16]
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    supported = any(getattr(torch.cpu, check, bool)() for check in checks)
    return [*FAST, *BF16] if supported else FAST


def write_pictures(workload: Workload, path: Path) -> Path:
    """Write random pictures around ten patterns, so that there is something to learn."""
    rng = np.random.default_rng(0)
    channels, height, width = workload.shape
    patterns = rng.random((10, channels, height // 4, width // 4), dtype=np.float32)
    patterns = patterns.repeat(4, 2).repeat(4, 3)
    number = workload.pictures + 2 * HELD_OUT
    pictures = np.empty((number, *workload.shape), dtype=bool if workload.binary else np.uint8)
    for chunk in np.array_split(np.arange(number), 1 + number // 4096):
        grey = patterns[rng.integers(0, 10, len(chunk))]
        grey = grey * rng.random((len(chunk), 1, 1, 1), dtype=np.float32)
        drawn = rng.random(grey.shape, dtype=np.float32) < grey
        pictures[chunk] = drawn if workload.binary else 255 * grey
    np.save(path, pictures)
    return path
