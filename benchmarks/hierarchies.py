"""Hierarchies beside one latent: levels on MNIST in equal time, maps on pictures in equal steps.

    python -m benchmarks.hierarchies digits --root ../shared/data [--minutes 20] [--out digits.json]
    python -m benchmarks.hierarchies pictures --tars ../shared/data/cifar10_jpeg [--steps 20000]

``digits`` trains the nets of Burda et al., 784-200-200-50 with one latent and with a second level,
for so many minutes each: as many steps as fit, by the pace of a first trial, over which the rate of
learning rises and falls. −log p(x) of the same binarised test digits is then estimated by
importance sampling; a ladder runs beside them. ``pictures`` trains residual blocks of latent maps
and a convolutional net of one latent, of about as many parameters, on 20,000 pictures for as many
steps, with one likelihood. ``frozen`` is the number of parameters whose mean squared gradient, as
Adam keeps it over the last steps, is nought.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import vae
from benchmarks.throughput.report import describe, write
from vae.data import MNIST, DataModule
from vae.evaluation.section import standard_error
from vae.saved import read_checkpoint

DIGITS = {
    "one level": ["model=burda"],
    "two levels": ["model=hvae"],
    "ladder": ["model=ladder", "model.lower_dims=[50]", "model.latent_dim=50"],
}
OF_DIGITS = [  # as experiment=burda_vae has it
    *("data=mnist", "data.batch_size=512", "data.val_size=1000", "estimator=stl", "optimizer=soap"),
    *("optimizer.lr=4e-3", "model.decoder.start_at_mean=true", "trainer.max_epochs=-1"),
    "test=false",
]
RATE = ["scheduler=cosine", "scheduler.warmup=0.02", "trainer.check_val_every_n_epoch=20"]
TRIAL = 40  # seconds of training that tell how many steps a net takes in a time
PICTURES = {
    "maps": ["model=vdvae", "model.channels=[16,32,64]", "model.blocks=[0,1,3]"],
    "one latent": [
        *("model=conv", "model.encoder.channels=[32,64,64,96]", "model.encoder.hidden=[160]"),
        "model.latent_dim=96",
    ],
}
OF_PICTURES = [
    *("data=images", "data.image_size=32", "likelihood=discretized_logistic", "data.flip=true"),
    *("gradient_clip=200", "callbacks=[default,ema]", "report=[bound,hierarchy,gallery]"),
]
PARTS = {"train": ("train-0*.tar", 20_000), "val": ("train-02.tar", 1000), "test": ("test-*", 2000)}
SKIPPED = {"val": 5000}  # pictures of that file that are passed over: training has taken them


def trained(folder: Path, settings: Sequence[str], args: argparse.Namespace) -> dict[str, Any]:
    """Train by the command, and return how long it took and how many steps it was."""
    start = time.perf_counter()
    words = [*settings, f"hydra.run.dir={folder}", "logger=none", f"threads={args.threads}"]
    call = [sys.executable, "train.py", *words, f"seed={args.seed}", *args.settings]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    model, last = vae.load(folder), read_checkpoint(folder / "checkpoints" / "last.ckpt")
    states = last["optimizer_states"][0]["state"].values()
    squares = [bool(state["exp_avg_sq"].any()) for state in states]
    return {
        "settings": [*settings, *args.settings],
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": last["global_step"],
        "frozen": len(list(model.parameters())) - sum(squares),
        "seconds": seconds,
    }


def bits_of_test(args: argparse.Namespace) -> Tensor:
    """Return the test digits, binarised once."""
    source = MNIST(root=str(args.root), download=False)
    x = DataModule(source).examples("test", args.examples)["x"]
    return torch.bernoulli(x, generator=torch.Generator().manual_seed(0))


def negative_log_likelihood(folder: Path, x: Tensor, args: argparse.Namespace) -> Tensor:
    """Return −log p(x) of each digit in nats."""
    torch.manual_seed(0)
    model = vae.load(folder)
    log_p = [model.log_likelihood(part, num_samples=args.samples) for part in x.split(50)]
    return -torch.cat(log_p).double()


def compared(nll: Tensor, first: Tensor) -> dict[str, Any]:
    """Return the mean −log p(x), and by how much it is above another of the same digits."""
    found: dict[str, Any] = {"examples": len(nll)}
    for name, values in {"nll": nll, "above_first": nll - first}.items():
        found |= {name: values.mean().item(), f"{name}_standard_error": standard_error(values)}
    return found


def digits(args: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each net reaches in equal time."""
    x = bits_of_test(args)
    common = [*OF_DIGITS, f"data.root={args.root}", f"objective={args.objective}"]
    first = None
    for name, own in DIGITS.items():
        folder = args.folder / name.replace(" ", "_")
        trial = [*own, *common, f"trainer.max_time='00:00:00:{TRIAL}'", "scheduler=constant"]
        pace = trained(folder.with_name(f"{folder.name}_pace"), trial, args)["steps"] / TRIAL
        length = f"trainer.max_steps={round(60 * args.minutes * pace)}"
        run = trained(folder, [*own, *common, *RATE, length], args)
        nll = negative_log_likelihood(folder, x, args)
        first = nll if first is None else first
        yield name, run | compared(nll, first)


def unpacked(args: argparse.Namespace) -> Path:
    """Return a folder with the pictures of the tar files, for training, validation and test."""
    root: Path = args.folder / "data"
    for part, (pattern, most) in PARTS.items():
        place = root / part
        place.mkdir(parents=True, exist_ok=True)
        count, skipped = min(most, args.examples or most), SKIPPED.get(part, 0)
        members = islice(pictures_of(sorted(args.tars.glob(pattern))), skipped, skipped + count)
        for i, picture in enumerate(members):
            (place / f"{i:05d}.jpg").write_bytes(picture)
    return root


def pictures_of(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield the bytes of the pictures of tar files."""
    for file in files:
        with tarfile.open(file) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.name.endswith(".jpg") else None
                if content is not None:
                    yield content.read()


def pictures(args: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each net reaches in equal steps."""
    data = [f"data.root={unpacked(args)}", f"data.cache={args.folder / 'cache'}"]
    length = ["trainer.max_epochs=-1", f"trainer.max_steps={args.steps}"]
    for name, own in PICTURES.items():
        folder = args.folder / name.replace(" ", "_")
        samples = f"test_samples={args.samples}"
        run = trained(folder, [*own, *OF_PICTURES, *data, *length, samples], args)
        metrics = json.loads((folder / "metrics.json").read_text())
        run |= metrics["bound"]["figures"]
        levels = metrics.get("hierarchy", {}).get("tables", {})
        yield name, run | levels


def main(argv: Sequence[str] | None = None) -> None:
    """Print and write what each net reaches."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=["digits", "pictures"])
    parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="of MNIST")
    parser.add_argument("--tars", type=Path, default=Path("../shared/data/cifar10_jpeg"))
    parser.add_argument("--minutes", type=float, default=20.0, help="for each net, of digits")
    parser.add_argument("--objective", default="elbo", help="of digits")
    parser.add_argument("--steps", type=int, default=20_000, help="for each net, of pictures")
    parser.add_argument("--samples", type=int, help="of importance: 5000, of pictures 50")
    parser.add_argument("--examples", type=int, help="at most: 1000, of pictures 20,000")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", nargs="*", default=[], help="for every run")
    parser.add_argument("--folder", type=Path, default=Path("outputs/hierarchies"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    of_digits = args.data == "digits"
    args.samples = args.samples or (5000 if of_digits else 50)
    args.examples = args.examples or (1000 if of_digits else None)
    args.folder = (args.folder / args.data).absolute()
    command = "python -m benchmarks.hierarchies " + shlex.join(argv or sys.argv[1:])
    results: dict[str, Any] = {"command": command, "machine": describe(), "samples": args.samples}
    results["runs"] = {}
    for name, run in (digits if of_digits else pictures)(args):
        results["runs"][name] = run
        print(json.dumps({name: run}), flush=True)
        if args.out is not None:
            write(results, args.out)


if __name__ == "__main__":
    main()
