"""Examples per second of one process, or with torchrun of several.

python benchmarks/scaling.py
torchrun --standalone --nproc-per-node=2 benchmarks/scaling.py --strategy fsdp
"""

import argparse
import os
import time

import lightning.pytorch as pl
import torch

from vae.build import build_data
from vae.cli.compose import compose_settings
from vae.cli.environment import prepare_process
from vae.training import DataParallel, ShardedParallel, VAEModule

WARM_UP = 5  # steps
STRATEGIES = {"ddp": DataParallel, "fsdp": ShardedParallel}


class Clock(pl.Callback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, *_: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--strategy", choices=STRATEGIES, default="ddp")
    parser.add_argument("overrides", nargs="*", default=["model=conv"])
    given = parser.parse_args()
    prepare_process(1)
    processes = int(os.environ.get("WORLD_SIZE", 1))
    size = f"data.size={(given.steps + WARM_UP) * 130 * processes + 600}"
    held_out = ["data.val_size=200", "data.test_size=200", "group_size=1"]
    settings = compose_settings([size, *held_out, *given.overrides])
    data, clock = build_data(settings), Clock()
    torch.manual_seed(0)
    module = VAEModule.from_config(settings, data.spec)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=processes,
        strategy=STRATEGIES[given.strategy]() if processes > 1 else "auto",
        max_steps=given.steps + WARM_UP,
        limit_val_batches=0,
        logger=False,
        callbacks=[clock],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, data)
    if trainer.is_global_zero:
        gaps = torch.tensor(clock.times, dtype=torch.float64).diff()[WARM_UP - 1 :]
        median = gaps.median().item()
        rate = data.batch_size_for(processes) * processes / median
        print(f"{processes} process(es): {1e3 * median:.1f} ms a step, {rate:,.0f} examples/s")


if __name__ == "__main__":
    main()
