"""What many pictures cost at the start of a run, and large ones while it trains.

    python -m benchmarks.large_pictures [--files 50000] [--side 512] [--output FILE]

Files: a folder of so many JPEG and PNG files of 32×32 in ten classes, and the same pictures as an
array; ``train.py`` is begun on each, again and again, and ends after one step. The files are
decoded by the first start, which is not counted. Seconds are those of the processor, medians.

Large pictures: ``train.py`` takes two steps of 8 pictures, then a validation with the pictures that
are drawn after it, and the report on two of them; its peak memory is that of the process. Beside
it the seconds of a step and of these drawings, PNG and event file included, in a process of its
own; the share is that of an epoch of 200 steps.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import vae
from benchmarks.throughput.report import describe, write
from vae.evaluation.drawing.render import encode_png
from vae.training import EventLog
from vae.training.callbacks.picture_log import draw_all
from vae.training.sinks import log_picture

TRAIN = Path(__file__).parents[1] / "train.py"
STARTS, BATCH, STEPS, EPOCH = 3, 8, 2, 200
FEW = ["trainer.max_epochs=1", f"data.batch_size={BATCH}", "trainer=cpu", "threads=1"]


def pictures(count: int, side: int) -> np.ndarray:
    """Return discs on ramps of colour with a grain, ``(count, side, side, 3)`` bytes."""
    noise = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    found = np.empty((count, side, side, 3), np.uint8)
    for picture in found:
        a, b, c, d = noise.uniform(size=4)
        ramps = 120 * np.stack([x * a + y * b, x * c + (1 - y) * d, 0 * x + a * d], -1)
        ramps[(x - b) ** 2 + (y - c) ** 2 < (0.05 + a / 4) ** 2] = noise.uniform(50, 255, 3)
        picture[:] = (ramps + noise.normal(0, 4, ramps.shape)).clip(0, 255).round()
    return found


def fill(folder: Path, count: int, side: int, classes: int = 10) -> np.ndarray:
    """Write so many files, of 64 different contents, into classes; return all as an array."""
    x = pictures(min(count, 64), side)
    packed = []
    for i, picture in enumerate(x):
        held = BytesIO()
        Image.fromarray(picture).save(held, "JPEG" if i % 2 else "PNG")
        packed.append(held.getvalue())
    for name in range(classes):
        (folder / f"class{name}").mkdir(parents=True)
    for i in range(count):
        suffix = "jpg" if i % len(x) % 2 else "png"
        file = folder / f"class{i % classes}" / f"{i:06}.{suffix}"
        file.write_bytes(packed[i % len(x)])
    return x[np.arange(count) % len(x)].transpose(0, 3, 1, 2)


def measured(*arguments: str) -> dict[str, float]:
    """Run Python to its end; return its seconds, on the wall and of the processor, and its peak."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {status}")
    return {
        "seconds": time.perf_counter() - begun,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }


def start_up(folder: Path, count: int) -> dict[str, Any]:
    """Return what starts on a folder and on an array take."""
    np.save(folder / "x.npy", fill(folder / "files", count, side=32))
    common = ["model=mlp", "trainer.max_steps=1", "test=false", "logger=none", *FEW[2:]]
    given = {
        "folder": ["data=images", f"data.root={folder}/files", "data.image_size=32"],
        "array": ["data=array", f"data.path={folder}/x.npy"],
    }
    given["folder"].append(f"data.cache={folder}/cache")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in given}
    for turn in range(STARTS + 1):
        for name, data in given.items():
            run = f"hydra.run.dir={folder}/runs/{name}{turn}"
            found[name].append(measured(str(TRAIN), *data, *common, run))
    seconds = {n: [t["processor_seconds"] for t in turns[1:]] for n, turns in found.items()}
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    more = medians["folder"] - medians["array"]
    return {"files": count, "processor_seconds": seconds, "more_than_array": more}


def training(folder: Path, model: str, side: int) -> dict[str, Any]:
    """Return what a run on large pictures takes."""
    root = folder / f"large{side}"
    if not root.exists():
        fill(root, BATCH * STEPS + 4, side, classes=1)
    data = ["data=images", f"data.root={root}", f"data.image_size={side}", f"data.cache={folder}/c"]
    sizes = ["data.val_size=2", "data.test_size=2", f"model={model}"]
    whole = measured(str(TRAIN), *data, *sizes, *FEW, f"hydra.run.dir={folder}/runs/{model}{side}")
    output = folder / f"{model}{side}.json"
    measured("-m", "benchmarks.large_pictures", "--worker", model, str(side), str(output))
    found = json.loads(output.read_text())
    share = found["drawing_seconds"] / (EPOCH * found["step_seconds"])
    return {"peak_mib": whole["peak_mib"], **found, "share": share}


def worker(model: str, side: int, output: Path) -> None:
    """Write the processor's seconds of a step, and of the pictures after an epoch."""
    torch.set_num_threads(1)
    like = torch.zeros(2, 3, side, side, dtype=torch.uint8)
    net = vae.make_module(f"model={model}", "likelihood=laplace", like=like).model
    x = torch.from_numpy(pictures(10, side)).permute(0, 3, 1, 2) / 255
    optimizer, steps = torch.optim.Adam(net.parameters(), fused=True), []
    for _ in range(STEPS + 1):
        begun = time.process_time()
        optimizer.zero_grad()
        trace = net({"x": x[:BATCH]})
        (trace.kl - trace.log_px).mean().backward()
        optimizer.step()
        steps.append(time.process_time() - begun)
    net.eval()
    with tempfile.TemporaryDirectory() as name:
        log, begun = EventLog(name), time.process_time()
        for title, picture in draw_all(net, {"x": x}, 10, 10, (0.0, 1.0)).items():
            log_picture(log, title, picture, encode_png(picture), 0)
        drawing = time.process_time() - begun
    weights = sum(parameter.numel() for parameter in net.parameters())
    found = {"step_seconds": min(steps[1:]), "drawing_seconds": drawing, "parameters": weights}
    output.write_text(json.dumps(found))


def main() -> None:
    options = parse()
    if options.worker:
        model, side, output = options.worker
        return worker(model, int(side), Path(output))
    command = f"python -m benchmarks.large_pictures --files {options.files} --side {options.side}"
    results: dict[str, Any] = {"command": command, "machine": describe(), "side": options.side}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for model in ("conv", "resnet") if options.side else ():
            results[model] = training(Path(name), model, options.side)
            print(model, results[model], flush=True)
        if options.files:
            results["start"] = start_up(Path(name), options.files)
            print("start", results["start"], flush=True)
    if options.output:
        write(results, options.output)
    return None


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_pictures")
    parser.add_argument("--files", type=int, default=50_000, help="0: none")
    parser.add_argument("--side", type=int, default=512, help="pixels; 0: no large pictures")
    parser.add_argument("--folder", type=Path, help="of what is written meanwhile")
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
