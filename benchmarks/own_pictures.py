"""Which likelihood suits a small folder of one's own pictures.

    python -m benchmarks.own_pictures [--folder outputs/own_pictures] [--output FILE]

Draws 300 pictures of 32×32: sprites in colour before a background of three random colours that
run into each other, with the grain of a camera (a deviation of 4 levels). Then trains on them with
the defaults of ``data=images`` under each likelihood. Masses over the 256 levels, and densities of
dequantised levels, are comparable in bits per dimension. Runs that are already in the folder are
used as they are.
"""

import argparse
import json
import subprocess
import sys
from math import log2
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from benchmarks.throughput.report import describe, write
from vae.data import Sprites

COUNT, SIDE, GRAIN = 300, 32, 4.0
UNIFORM = log2(256)  # bits per dimension
DENSITIES = ("normal_learned", "normal_optimal", "normal_pixelwise", "laplace")
MASSES = ("discretized_logistic",)
COMMON = ["data=images", f"data.image_size={SIDE}", "trainer=cpu", "logger=none"]


def draw(count: int) -> Tensor:
    """Return pictures, ``(N, 3, 32, 32)`` uint8, the same each time."""
    noise = torch.Generator().manual_seed(0)
    sprites = Sprites(count, antialias=True, color=True).load().train
    x = avg_pool2d(sprites.take(torch.arange(count)).float(), 2)
    cover = x.amax(1, keepdim=True) / x.amax((1, 2, 3), keepdim=True).clamp(min=1)
    left, down, right = (160 * torch.rand(3, count, 3, 1, 1, generator=noise)).unbind()
    ramp = torch.linspace(0, 0.5, SIDE)
    ground = left + (down - left) * ramp.view(-1, 1) + (right - left) * ramp
    grain = GRAIN * torch.randn(x.shape, generator=noise)
    return (x + ground * (1 - cover) + grain).clamp(0, 255).round().to(torch.uint8)


def save(pictures: Tensor, folder: Path) -> None:
    """Write pictures as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        image = Image.fromarray(picture.permute(1, 2, 0).numpy())
        image.save(folder / f"{number:03}.png")


def measure(likelihood: str, pictures: Path, folder: Path, threads: int) -> dict[str, Any]:
    """Train, unless it was done before, and return the figures on the test pictures."""
    chosen = [f"likelihood={likelihood}"]
    if likelihood in DENSITIES:
        chosen.append("data.dequantize=true")
    if not (folder / "metrics.json").exists():
        script = str(Path(__file__).parents[1] / "train.py")
        places = [f"data.root='{pictures}'", f"data.cache='{folder}'", f"hydra.run.dir='{folder}'"]
        call = [script, *COMMON, *chosen, *places, f"threads={threads}"]
        subprocess.run([sys.executable, *call], check=True)
    figures = json.loads((folder / "metrics.json").read_text())["bound"]["figures"]
    names = ("elbo", "log_likelihood", "kl", "nll", "bits_per_dim", "active_units")
    return {
        "command": " ".join(["python train.py", *COMMON, "data.root=<pictures>", *chosen]),
        **{name: figures[name] for name in names},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.own_pictures")
    parser.add_argument("--folder", type=Path, default=Path("outputs/own_pictures"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON")
    options = parser.parse_args()
    pictures = options.folder.absolute() / "pictures"
    save(draw(COUNT), pictures)
    found = {
        name: measure(name, pictures, options.folder.absolute() / name, options.threads)
        for name in (*DENSITIES, *MASSES)
    }
    print("| likelihood | ELBO, nats | −log p(x), nats | bits per dimension |\n|---|---|---|---|")
    for name, told in found.items():
        shown = f"{told['elbo']:,.0f} | {told['nll']:,.0f} | {told['bits_per_dim']:.2f}"
        print(f"| `{name}` | {shown} |")
    print(f"| uniform | | | {UNIFORM:.2f} |")
    if options.output:
        command = f"python -m benchmarks.own_pictures --threads {options.threads}"
        write({"command": command, "machine": describe(), "runs": found}, options.output)


if __name__ == "__main__":
    main()
