"""Training throughput of ``train.py``'s real path against a bare loop over the same nets and data.

    python benchmarks/training.py [--only mlp] [--rounds 5] [--steps 300] [--unbounded]

The floor is the shortest loop one would write by hand: data in memory, batches by index, the same
nets and the same fused optimizer, the bounded log σ and the two terms of the ELBO inline. The other
side is Lightning's Trainer as ``train.py`` builds it: default logging to TensorBoard, callbacks,
checkpoints, progress. Both take turns in one process, a group of steps each; the figure is the
median over rounds of the ratio.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vae.build import build_data, build_model
from vae.cli.compose import compose_settings
from vae.cli.environment import prepare_process
from vae.cli.train import build_trainer
from vae.data import DataModule
from vae.distributions.bounds import LOG_SCALE_BOUNDS, soft_bound
from vae.training import VAEModule

WORKLOADS = {
    "mlp 784-400-20, 28×28": ["model=mlp", "data=array", "data.binarization=dynamic"],
    "conv, 64×64 sprites": ["model=conv", "data=sprites", "data.size=60000"],
}
COMMON = ["likelihood=bernoulli", "optimizer=adam", "scheduler=constant", "trainer=cpu"]
BATCH_SIZE = 128
WARM_UP = 20


def floor(settings: dict[str, Any], data: DataModule, *, bounded: bool) -> Iterator[None]:
    """Take a step of the bare loop at each `next`, with or without the model's bound of log σ."""
    model: Any = build_model(settings, data.spec)
    encoder, decoder = model.encoder.net, model.decoder.net
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for x in endless(data):
        mean, log_scale = encoder(x).chunk(2, -1)
        if bounded:
            log_scale = soft_bound(log_scale, *LOG_SCALE_BOUNDS)
        z = mean + log_scale.exp() * torch.randn_like(mean)
        reconstruction = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = 0.5 * (mean.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
        loss = (reconstruction + kl) / BATCH_SIZE
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield


def endless(data: DataModule) -> Iterator[Tensor]:
    """Yield preprocessed batches by index, without end."""
    while True:
        for batch in data.train_dataloader().batches():
            yield batch.x


class Turns(pl.Callback):
    """After each group of batches takes as many steps of the bare loop, and times both.

    So both meet the same state of the machine. Validation is left out on both sides.
    """

    def __init__(self, bare: Iterator[None], group_size: int) -> None:
        super().__init__()
        self.bare = bare
        self.group_size = group_size
        self.seconds = {"floor": 0.0, "real": 0.0}
        self.steps = 0
        self.mark = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, *others: Any) -> None:
        """Stop the clock of the Trainer, let the bare loop run, and start it again."""
        start = time.perf_counter()
        for _ in range(self.group_size):
            next(self.bare)
        end = time.perf_counter()
        if trainer.global_step > WARM_UP:
            self.seconds["floor"] += end - start
            self.seconds["real"] += start - self.mark
            self.steps += self.group_size
        self.mark = time.perf_counter()

    @property
    def examples_per_second(self) -> dict[str, float]:
        """Throughput of both after the warm-up."""
        return {name: self.steps * BATCH_SIZE / s for name, s in self.seconds.items()}


def take_turns(
    settings: dict[str, Any], data: DataModule, *, steps: int, bounded: bool
) -> dict[str, float]:
    """Return examples per second of the bare loop and of the Trainer that ``train.py`` builds."""
    module = VAEModule.from_config(settings, data.spec)
    trainer = build_trainer(settings)
    turns = Turns(floor(settings, data, bounded=bounded), settings["group_size"])
    trainer.callbacks.append(turns)  # type: ignore[attr-defined]
    trainer.fit_loop.max_epochs = 1
    trainer.limit_train_batches = steps // settings["group_size"]
    trainer.limit_val_batches = 1
    trainer.fit(module, datamodule=data)
    return turns.examples_per_second


def measure(overrides: list[str], *, rounds: int, steps: int, bounded: bool) -> dict[str, Any]:
    """Let both take turns; return medians over rounds of their throughputs and of the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        settings = compose_settings([*overrides, *COMMON], folder=folder)
        data = build_data(settings)
        data.setup()
        speeds = [take_turns(settings, data, steps=steps, bounded=bounded) for _ in range(rounds)]
    ratios = [speed["real"] / speed["floor"] for speed in speeds]
    return {
        "floor_examples_per_second": statistics.median(speed["floor"] for speed in speeds),
        "real_examples_per_second": statistics.median(speed["real"] for speed in speeds),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }


def grey_pictures(folder: Path) -> Path:
    """Write 60,000 random grey pictures of 28×28, whose values do not matter to the speed."""
    import numpy as np

    path = folder / "pictures.npy"
    pictures = np.random.default_rng(0).integers(0, 256, (60_000, 1, 28, 28), dtype=np.uint8)
    np.save(path, pictures)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="workloads whose name begins so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--unbounded", action="store_true", help="a floor without the soft bound")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    prepare_process(options.threads)
    command = f"python benchmarks/training.py --rounds {options.rounds} --steps {options.steps}"
    results: dict[str, Any] = {"command": command, "threads": options.threads}
    with tempfile.TemporaryDirectory() as folder:
        path = grey_pictures(Path(folder))
        for name, overrides in WORKLOADS.items():
            if not name.startswith(options.only):
                continue
            extra = [f"data.path={path}"] if "data=array" in overrides else []
            result = measure(
                [*overrides, *extra],
                rounds=options.rounds,
                steps=options.steps,
                bounded=not options.unbounded,
            )
            results[name] = result
            print(
                f"{name:<24} floor {result['floor_examples_per_second']:>9,.0f}/s  "
                f"train.py {result['real_examples_per_second']:>9,.0f}/s  "
                f"ratio {result['ratio']:.3f}"
            )
    if options.output:
        options.output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
