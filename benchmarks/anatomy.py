"""Where the time of a training step goes: parts of the real path, in the order of a step.

    python -m benchmarks.anatomy [--steps 400] [--threads 2] [--output docs/anatomy.json]

The mlp 784-400-20 on batches of 128 grey pictures, by the Trainer that ``train.py`` builds. Each
part is a function that is timed from outside; what lies in none of them is the rest: Lightning, the
schedule, sums of terms. Figures are medians over steps, in microseconds. The script also runs at
revisions that lack a part, so that before and after can be compared.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from vae.build import build_data
from vae.cli.compose import compose_settings
from vae.cli.environment import describe_environment, prepare_process
from vae.cli.monitor import settle_monitor
from vae.cli.preparing import build_trainer
from vae.training import VAEModule

PARTS = {  # the first that there is
    "batch": ["vae.data.train_batches:TrainBatches.make", "vae.data.batches:Batches._batch"],
    "seed of the noise": ["vae.training.module:seed_noise"],
    "encode": ["vae.models.vae:VAE.encode"],
    "draw": ["vae.models.vae:draw"],
    "decode": ["vae.models.vae:VAE.decode"],
    "densities and terms": ["vae.objectives.elbo:ELBO.forward"],
    "figures": ["vae.training.meter:Meter.update"],
    "backward": ["torch:Tensor.backward"],
    "watch": ["vae.training.step:EagerStep.check"],
    "optimizer": ["vae.training.fused:FusedAdam.step", "torch.optim:Adam.step"],
}
OVERRIDES = ["model=mlp", "data=array", "data.binarization=dynamic", "likelihood=bernoulli"]
PLAIN = ["optimizer=adam", "scheduler=constant", "trainer=cpu", "logger=none", "data.val_size=512"]
WARM_UP = 40


class Watch(pl.Callback):
    """Times whole groups of steps."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *others: Any) -> None:
        """Note the time and the step."""
        self.marks.append((trainer.global_step, time.perf_counter()))

    def step(self) -> float:
        """Return the median seconds of a step."""
        pairs = zip(self.marks[2:], self.marks[3:], strict=False)
        return statistics.median((end - start) / (j - i) for (i, start), (j, end) in pairs)


def time_parts() -> dict[str, list[float]]:
    """Put a clock around each part; return where the seconds go."""
    spent: dict[str, list[float]] = defaultdict(list)
    for name, paths in PARTS.items():
        holder, attribute = next(found for path in paths if (found := find(path)))
        setattr(holder, attribute, timed(getattr(holder, attribute), spent[name]))
    return spent


def find(path: str) -> tuple[Any, str] | None:
    """Return the module or class that holds a function, and its name, if it is there."""
    home, _, name = path.partition(":")
    *outer, attribute = name.split(".")
    try:
        holder: Any = import_module(home)
    except ImportError:
        return None
    for part in outer:
        holder = getattr(holder, part)
    return holder, attribute


def timed(function: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """Return the function with a clock around it."""

    def clocked(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments, **options)
        seconds.append(time.perf_counter() - start)
        return result

    return clocked


def measure(steps: int) -> dict[str, float]:
    """Return microseconds of a step by part."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.npy"
        pictures = np.random.default_rng(0).integers(0, 256, (60_000, 1, 28, 28), dtype=np.uint8)
        np.save(path, pictures)
        settings = compose_settings([*OVERRIDES, *PLAIN, f"data.path={path}"], folder=Path(folder))
        data = build_data(settings)
        data.setup("fit")
        module, watch = VAEModule.from_config(settings, data.spec), Watch()
        trainer = build_trainer(settle_monitor(settings, module.objective))
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        trainer.fit_loop.max_epochs = 1
        trainer.limit_train_batches = steps // settings["group_size"]
        trainer.limit_val_batches = 1
        spent = time_parts()
        trainer.fit(module, datamodule=data)
    parts = {name: 1e6 * statistics.median(values[WARM_UP:steps]) for name, values in spent.items()}
    whole = 1e6 * watch.step()
    return {**parts, "the rest": whole - sum(parts.values()), "the whole": whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    prepare_process(options.threads)
    torch.manual_seed(0)
    parts = measure(options.steps)
    for name, value in parts.items():
        print(f"{name:<20} {value:8.0f} µs  {100 * value / parts['the whole']:5.1f} %")
    if options.output:
        machine = describe_environment()
        kept = {k: machine[k] for k in ("cpu", "cpu_instructions", "git_revision", "packages")}
        command = f"python -m benchmarks.anatomy --steps {options.steps}"
        result = {"command": command, "threads": options.threads, "machine": kept, "parts": parts}
        options.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
