"""What reliability costs: training steps with it and without it, in turns.

    python -m benchmarks.reliability [--groups 200] [--output FILE]

With it: noise seeded for each step, loss and gradients looked at, signals and the clock asked after
each group of steps. One Trainer, as ``train.py`` builds it, does without all three in every other
group of steps of the mlp 784-400-20 (batch 128); the ratio is the median over neighbouring groups.
Besides: the time of one durable save, and that of Lightning's.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

import vae.training.module
from benchmarks.throughput.report import describe, write
from benchmarks.throughput.workloads import WORKLOADS, Case, write_pictures
from vae.cli.environment import prepare_process
from vae.cli.monitor import settle_monitor
from vae.cli.preparing import build_trainer
from vae.training import VAEModule
from vae.training.callbacks import Checkpoints
from vae.training.step import EagerStep
from vae.training.storage import DurableCheckpoints

WARM_UP = 2
SAVES = 9


class Alternate(pl.Callback):
    """Does without what makes a run reliable in every other group, and times both kinds."""

    def __init__(self, module: VAEModule, keeper: Checkpoints) -> None:
        super().__init__()
        self.module, self.keeper = module, keeper
        self.kept = vae.training.module.seed_noise, keeper.on_train_batch_end
        self.seconds: dict[str, list[float]] = {"with": [], "without": []}
        self.mark = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note how long the group before took, and change sides."""
        now = time.perf_counter()
        if batch_idx > WARM_UP:
            self.seconds["without" if batch_idx % 2 else "with"].append(now - self.mark)
        bare = batch_idx % 2 == 0
        step = self.module.take_step
        assert isinstance(step, EagerStep)
        step.watch = not bare
        vae.training.module.seed_noise = nothing if bare else self.kept[0]
        self.keeper.on_train_batch_end = nothing if bare else self.kept[1]  # type: ignore[method-assign]
        self.mark = time.perf_counter()


def nothing(*arguments: Any, **options: Any) -> None:
    """Take the place of what is left out."""


def measure(groups: int) -> dict[str, Any]:
    """Return the median times of a step and of a save."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workload = next(iter(WORKLOADS.values()))
        pictures = write_pictures(workload, folder / "pictures.npy")
        case = Case(workload, pictures, folder, ["trainer.log_every_n_steps=100000"])
        settings, data = case.settings, case.data
        module = VAEModule.from_config(settings, data.spec)
        trainer = build_trainer(settle_monitor(settings, module.objective))
        keeper: Any = trainer.checkpoint_callback
        turns = Alternate(module, keeper)
        trainer.callbacks.append(turns)  # type: ignore[attr-defined]
        trainer.limit_val_batches = 1
        trainer.fit_loop.max_epochs = -(-groups * settings["group_size"] // 400)
        trainer.fit(module, datamodule=data)
        size = settings["group_size"]
        step = {side: 1e3 * statistics.median(s) / size for side, s in turns.seconds.items()}
        neighbours = zip(turns.seconds["with"], turns.seconds["without"], strict=False)
        ratios = sorted(one / other for one, other in neighbours)
        checkpoint = trainer._checkpoint_connector.dump_checkpoint()
        saves = {"durable": DurableCheckpoints(), "lightning": TorchCheckpointIO()}
        save = {who: time_of_saves(io, checkpoint, folder) for who, io in saves.items()}
    return {
        "step_milliseconds": step,
        "step_ratio": statistics.median(ratios),
        "quartiles": [ratios[len(ratios) // 4], ratios[3 * len(ratios) // 4]],
        "pairs": len(ratios),
        "save_milliseconds": save,
    }


def time_of_saves(io: TorchCheckpointIO, checkpoint: dict[str, Any], folder: Path) -> float:
    """Return the median milliseconds of a save."""
    times = []
    for _ in range(SAVES):
        start = time.perf_counter()
        io.save_checkpoint(checkpoint, folder / "last.ckpt")
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=200, help="of 20 steps, on both sides")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    prepare_process(options.threads)
    command = f"python -m benchmarks.reliability --groups {options.groups}"
    results = {"command": command, "machine": describe(), **measure(options.groups)}
    print(json.dumps(results, indent=2))
    if options.output:
        write(results, options.output)


if __name__ == "__main__":
    main()
