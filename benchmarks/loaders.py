"""A plain DataLoader under the Trainer beside a bare loop over the same loader, in turns.

``python -m benchmarks.loaders``
"""

import argparse
import json
import logging
import statistics
import time
import warnings
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

import vae

BATCH, SHAPE = 128, (784,)
CLOCK = time.perf_counter


class Clock(pl.Callback):
    """Takes the time of all training steps but the first ones."""

    def __init__(self, skipped: int) -> None:
        self.skipped = skipped
        self.since = self.seconds = 0.0

    def on_train_batch_start(self, *arguments: Any) -> None:
        """Start after the first steps."""
        if arguments[-1] == self.skipped:
            self.since = CLOCK()

    def on_train_end(self, *arguments: Any) -> None:
        """Stop."""
        self.seconds = CLOCK() - self.since


def module() -> vae.VAEModule:
    """Return the mlp 784-400-20 of bits."""
    return vae.make_module("model=mlp", "scheduler=constant", like=torch.zeros(2, *SHAPE) > 0)


def with_trainer(loader: DataLoader[Any], skipped: int, **options: Any) -> float:
    """Return the seconds of an epoch by ``Trainer.fit(module, loader)``."""
    clock = Clock(skipped)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[clock],
        **options,
    )
    trainer.fit(module(), loader)
    return clock.seconds


def by_hand(loader: DataLoader[Any], skipped: int) -> float:
    """Return the seconds of the same epoch by a loop that has no more than it needs."""
    own = module()
    (optimizer,) = own.make_optimizers()
    model, since = own.model.train(), 0.0
    for number, (x,) in enumerate(loader):
        if number == skipped:
            since = CLOCK()
        trace = model(x)
        loss = -(trace.log_px - trace.kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return CLOCK() - since


def main() -> None:
    """Measure, and print ratios of neighbouring turns."""
    global CLOCK
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--cpu", action="store_true", help="seconds of the processor, if it is shared"
    )
    given = parser.parse_args()
    CLOCK = time.process_time if given.cpu else time.perf_counter
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    x = (torch.rand(BATCH * given.steps, *SHAPE) < 0.13).float()
    loader = DataLoader(TensorDataset(x), BATCH, shuffle=True, drop_last=True)
    skipped = given.steps // 6
    ratios: dict[str, list[float]] = {"without bar": [], "with bar": []}
    for number in range(given.rounds + 1):
        bare = by_hand(loader, skipped)
        quiet = with_trainer(loader, skipped, enable_progress_bar=False)
        bar = with_trainer(loader, skipped)
        if number:  # the first round warms up
            ratios["without bar"].append(bare / quiet)
            ratios["with bar"].append(bare / bar)
    for name, found in ratios.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(
            json.dumps(
                {
                    "speed of the bare loop": name,
                    "median": round(middle, 3),
                    "quartiles": [round(low, 3), round(high, 3)],
                }
            )
        )


if __name__ == "__main__":
    main()
