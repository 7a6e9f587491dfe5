"""A neural process on curves of a Gaussian process, beside the exact predictions of that process.

    python -m benchmarks.neural_processes [--minutes 17] [--length-scale 1] [--noise 0.2]
        [--out table.json]

Each step draws new curves of a fixed kernel, 64 points each in [-2, 2]. The model is
``model=attentive_neural_process`` with the settings given, by default without a latent; AdamW under
one cosine of the learning rate after a short rise, over so many minutes. For each number of known
points the figures are the mean log-density of a point that is not known, of the model and exact,
over curves that were not trained on, and the gap: KL(exact ‖ model) of a point, in nats.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from math import cos, pi
from pathlib import Path

import torch

from benchmarks.throughput.report import describe
from vae.build import build_model
from vae.cli.compose import compose_settings
from vae.data import DataModule, GPCurves
from vae.evaluation import Completions, Subject
from vae.models import NeuralProcess
from vae.networks.positions import FieldPositions

POINTS, RISE = 64, 0.05
DEFAULT = [
    "model.latent=false",
    "model.score_known=false",
    "model.num_features=64",
    "model.encoder.hidden=[64]",
    "model.decoder.hidden=[64]",
    "model.aggregator.layers=2",
    "model.aggregator.heads=4",
]


def rate(done: float) -> float:
    """Return the factor of the learning rate: up within a twentieth, then down by a cosine."""
    return min(done / RISE, 0.5 * (1 + cos(pi * max(0.0, done - RISE) / (1 - RISE))))


def train(model: NeuralProcess, source: GPCurves, args: argparse.Namespace) -> int:
    """Train on curves that are drawn as they are needed, and return the number of steps."""
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    start, chunk, total = time.perf_counter(), 0, 0.0
    y = at = torch.empty(0)
    step, done = 0, 0.0
    while done < 1:
        if len(y) < args.batch_size:
            chunk += 1
            y, at = (value.float().unsqueeze(1) for value in source.drawn(1000, chunk)[:2])
        batch = {"x": y[: args.batch_size], "at": at[: args.batch_size]}
        y, at = y[args.batch_size :], at[args.batch_size :]
        for group in optimizer.param_groups:
            group["lr"] = args.lr * rate(done)
        trace = model(batch)
        loss = -trace.elbo.mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 20.0)
        optimizer.step()
        mask = trace.observed[0].mask
        total -= loss.item() / (POINTS if mask is None else mask.sum().item() / len(mask))
        step += 1
        seconds = time.perf_counter() - start
        done = seconds / (60 * args.minutes)
        if step % 100 == 0:
            print(f"{step} steps, {seconds:.0f} s, {total / 100:.3f} nats a point", flush=True)
            total = 0.0
    return step


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=17)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--length-scale", type=float, default=1.0)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--settings", nargs="*", default=DEFAULT, help="of the model")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    kind = {"points": POINTS, "length_scale": args.length_scale, "noise": args.noise}
    settings = compose_settings(
        ["data=gp_curves", "model=attentive_neural_process", *args.settings]
    )
    source = GPCurves(1000, **kind)  # of which those trained on are other chunks
    data = DataModule(source, val_size=1, test_size=998)
    model = build_model(settings, source.spec)
    assert isinstance(model, NeuralProcess)
    assert isinstance(model.positions, FieldPositions)
    model.positions.start_from(source.load().train.fields["at"])
    seconds = time.process_time()
    steps = train(model, source, args)
    seconds = time.process_time() - seconds
    section = Completions(num_examples=998)(Subject(model.eval(), data))
    found = {
        "command": shlex.join(
            ["python", "-m", "benchmarks.neural_processes", *(argv or sys.argv[1:])]
        ),
        "machine": describe(),
        "settings": {k: v for k, v in vars(args).items() if k != "out"},
        "steps": steps,
        "processor_seconds": seconds,
        "figures": section.as_dict()["figures"],
    }
    text = json.dumps(found, indent=1)
    print(text)
    if args.out is not None:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
