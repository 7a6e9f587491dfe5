"""The process of one contestant.

    python -m benchmarks.throughput.worker WORKLOAD CONTESTANT PICTURES FOLDER THREADS DEVICE
                                           [SETTING ...]

Reads from standard input how many steps to take, takes them, and writes a line of JSON; so on until
the input ends. A file of pictures may follow the number, whose mean ``loss`` is then told. The line
holds ``steps`` and ``seconds`` of the turn, the loop's ``notes``, the memory of the process in MiB
(``resident_mib``, ``peak_mib``) and the most that was taken of a GPU's (``device_mib``),
``imported``, the seconds from the start of the process until the packages are imported that such a
script imports itself, and ``ready``, that and the time of reading the data, building everything and
taking the steps of the first turn. What a contestant borrows from this project is imported in
between, off the clock.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

OWN = {  # what the script of each contestant would import
    "captured": ["torch"],
    "floor": ["torch"],
    "plain": ["torch", "torchvision.transforms.functional"],
    "pythae": ["pythae.models", "pythae.pipelines", "pythae.samplers"],
    "jax": ["jax"],
    "ours": ["vae.cli.train"],
    "graph": ["vae.cli.train"],
    "fast": ["vae.cli.train"],
}
FOREIGN = ("plain", "pythae", "jax")  # they leave the allocator as they find it


def main() -> None:
    workload, contestant, pictures, folder, threads, device, *overrides = sys.argv[1:]
    os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported: pythae's progress bar
    if "vae.cli.train" in OWN[contestant]:
        from vae.cli.light_metrics import lighten_torchmetrics

        lighten_torchmetrics()
    if contestant == "jax":  # has as many threads as cores that it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    for package in OWN[contestant]:
        import_module(package)
    imported = age()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the contestant prints is no answer

    import numpy as np
    import torch

    from benchmarks.throughput.turns import Turn
    from benchmarks.throughput.workloads import OURS, WORKLOADS, Case, find_run
    from vae.cli.environment import keep_memory, prepare_process

    torch.set_num_threads(int(threads))
    if contestant in OURS:
        prepare_process(None)
    elif contestant not in FOREIGN:
        keep_memory()
        torch.backends.cudnn.allow_tf32 = False  # as ours: single precision is that
    ready: list[float] = []
    asked = wait()

    def hand_over(turn: Turn) -> int:
        nonlocal asked
        if device == "cuda":
            torch.cuda.synchronize()
        told: dict[str, Any] = {"steps": turn.steps, "seconds": turn.seconds, "imported": imported}
        if not ready:
            ready.append(imported + time.perf_counter() - start)
        notes = {name: float(value) for name, value in turn.notes.items()}
        sizes = {"resident_mib": memory_mib("VmRSS"), "peak_mib": memory_mib("VmHWM")}
        taken = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
        told |= {**sizes, "device_mib": taken, "ready": ready[0], "notes": notes}
        if len(asked) > 1:
            with torch.no_grad():
                judged = torch.from_numpy(np.load(asked[1])).float().to(case.device)
                told["loss"] = float(turn.loss(judged))
        print(json.dumps(told), file=answers, flush=True)
        asked = wait()
        return int(asked[0])

    start = time.perf_counter()
    case = Case(WORKLOADS[workload], Path(pictures), Path(folder), overrides, device=device)
    find_run(contestant, case)(Turn(hand_over, int(asked[0])))


def wait() -> list[str]:
    """Return the words of the next line; end the process where none comes any more."""
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    return line.split()


def age() -> float:
    """Return the seconds since this process started (on Linux)."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(which: str) -> float:
    """Return a figure of this process's memory in MiB (on Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


if __name__ == "__main__":
    main()
