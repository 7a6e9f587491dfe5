"""How long a user waits: for ``--help``, and for the first optimizer step of ``train.py``."""

__all__ = ["measure_startup"]

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.throughput.workloads import TRAINERS

TRAIN = Path(__file__).parents[2] / "train.py"
REPEATS = 5
ONE_STEP = [
    "model=mlp",
    "data=array",
    "data.binarization=dynamic",
    "likelihood=bernoulli",
    "trainer.max_steps=1",
    "trainer.log_every_n_steps=1",
    "test=false",
]


def measure_startup(pictures: Path, *, threads: int, device: str = "cpu") -> dict[str, Any]:
    """Return medians over processes: seconds of ``--help``, until the first step, and in all.

    The first step has been taken when its figures are logged: TensorBoard's events carry the time.
    The whole run is that step, a validation, pictures and saves.
    """
    arguments = [*ONE_STEP, TRAINERS[device], f"data.path={pictures}", f"threads={threads}"]
    helps = [run(["--help"]) for _ in range(REPEATS)]
    runs = [first_step(arguments) for _ in range(REPEATS)]
    return {
        "help_seconds": statistics.median(helps),
        "first_step_seconds": statistics.median(first for first, _ in runs),
        "one_step_run_seconds": statistics.median(whole for _, whole in runs),
        "rounds": {"help": helps, "first_step": [first for first, _ in runs]},
    }


def run(arguments: list[str]) -> float:
    """Run ``train.py`` and return the seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, str(TRAIN), *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def first_step(arguments: list[str]) -> tuple[float, float]:
    """Return the seconds until the first step of a run of one step, and those of the run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tempfile.TemporaryDirectory() as folder:
        start = time.time()
        whole = run([*arguments, f"hydra.run.dir={folder}/run"])
        events = EventAccumulator(f"{folder}/run").Reload()
        return events.Scalars("train/elbo")[0].wall_time - start, whole
