"""Training throughput of ``train.py``'s real path against a bare loop over the same nets and data.

    python benchmarks/training.py [--only mlp] [--rounds 5] [--steps 300] [--output FILE]

The floor is the shortest loop one would write by hand: data in memory, batches by index, the same
nets and the same fused optimizer, the two terms of the ELBO inline. The other side is Lightning's
Trainer as ``train.py`` builds it: default logging to TensorBoard, callbacks, checkpoints, progress.
Both run in turns in one process; the figure is the median over rounds of the ratio within a round.
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
from vae.training import VAEModule

WORKLOADS = {
    "mlp 784-400-20, 28×28": ["model=mlp", "data=array", "data.binarization=dynamic"],
    "conv, 64×64 sprites": ["model=conv", "data=sprites", "data.size=60000"],
}
COMMON = ["likelihood=bernoulli", "optimizer=adam", "scheduler=constant", "trainer=cpu"]
BATCH_SIZE = 128
WARM_UP = 20


def floor(settings: dict[str, Any], data: DataModule, steps: int) -> float:
    """Return examples per second of the bare loop."""
    model: Any = build_model(settings, data.spec)
    encoder, decoder = model.encoder.net, model.decoder.net
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batches = endless(data)
    start = 0.0
    for step in range(steps):
        if step == WARM_UP:
            start = time.perf_counter()
        x = next(batches)
        mean, log_scale = encoder(x).chunk(2, -1)
        z = mean + log_scale.exp() * torch.randn_like(mean)
        reconstruction = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = 0.5 * (mean.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
        loss = (reconstruction + kl) / BATCH_SIZE
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return (steps - WARM_UP) * BATCH_SIZE / (time.perf_counter() - start)


def endless(data: DataModule) -> Iterator[Tensor]:
    """Yield preprocessed batches by index, without end."""
    while True:
        for batch in data.train_dataloader().batches():
            yield batch.x


class Stopwatch(pl.Callback):
    """Times the training steps from the end of the warm-up to the last, without validation."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note how many steps were done when."""
        if trainer.global_step >= WARM_UP:
            self.marks.append((trainer.global_step, time.perf_counter()))

    @property
    def examples_per_second(self) -> float:
        """Throughput after the warm-up."""
        (first, start), *_, (last, end) = self.marks
        return (last - first) * BATCH_SIZE / (end - start)


def real_path(settings: dict[str, Any], data: DataModule, steps: int) -> float:
    """Return examples per second of the Trainer that ``train.py`` builds."""
    module = VAEModule.from_config(settings, data.spec)
    trainer = build_trainer(settings)
    watch = Stopwatch()
    trainer.callbacks.append(watch)  # type: ignore[attr-defined]
    trainer.fit_loop.max_epochs = 1
    trainer.limit_train_batches = steps // settings["group_size"]
    trainer.limit_val_batches = 1
    trainer.fit(module, datamodule=data)
    return watch.examples_per_second


def measure(overrides: list[str], *, rounds: int, steps: int) -> dict[str, Any]:
    """Alternate floor and real path; return medians of throughputs and of their ratio."""
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        settings = compose_settings([*overrides, *COMMON], folder=folder)
        data = build_data(settings)
        data.setup()
        for _ in range(rounds):
            pairs.append((floor(settings, data, steps), real_path(settings, data, steps)))
    ratios = [real / bare for bare, real in pairs]
    return {
        "floor_examples_per_second": statistics.median(bare for bare, _ in pairs),
        "real_examples_per_second": statistics.median(real for _, real in pairs),
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
            result = measure([*overrides, *extra], rounds=options.rounds, steps=options.steps)
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
