"""What a step of a chain of latents costs, and the deep Markov model on JSB chorales beside Pyro's.

    python -m benchmarks.sequences steps [--rounds 11] [--lengths 8 16 32 64 128] [--out table.json]
    python -m benchmarks.sequences jsb [--data ../shared/data/jsb/JSB_Chorales.mat] [--epochs 10]
    python -m benchmarks.sequences jsb --epochs 300 --alone

``steps``: DMM and VRNN, each in the size of its paper's code and in a small one where all is cost
of the framework, beside loops written by hand for the same nets, in turns; batches of 20 sequences
of 88 bits. ``--picture`` draws the cost against the length. ``jsb``: epochs of the DMM beside the
same model in Pyro 1.9, with the same nets, batches, noise and optimizer, KLs in closed form, in
turns; ``--alone`` leaves Pyro out. It ends with nats per time step of the test part, of what each
has trained, both read by our model: the ELBO's, and importance-weighted. Seconds are the
processor's, which other processes disturb least.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.sequence_steps import Batch, in_pyro, loop, ours
from benchmarks.throughput.report import keep
from vae.build import build_model
from vae.cli.compose import compose_settings
from vae.models import Model
from vae.spec import DataSpec

BITS, BATCH = 88, 20
MODELS = {
    "dmm": ["model=dmm"],
    "dmm_small": [
        *("model=dmm", "model.latent_dim=16", "model.rnn_dim=32", "model.transition_dim=32"),
        "model.decoder.hidden=[32,32]",
    ],
    "vrnn": ["model=vrnn"],
    "vrnn_small": [
        *("model=vrnn", "model.latent_dim=8", "model.rnn_dim=32", "model.num_features=32"),
        "model.features.hidden=[32]",
    ],
}


def made(name: str, steps: int) -> Model:
    """Return a model of sequences of so many steps."""
    torch.manual_seed(0)
    spec = DataSpec(
        "jsb", (steps, BITS), "boolean", 2, fields={"length": {"shape": (), "dtype": "int64"}}
    )
    return build_model(compose_settings([*MODELS[name], "likelihood=bernoulli"]), spec)


def in_turns(contestants: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return the processor's seconds of each, one after the other and round after round."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):  # the first is not counted
        for name, call in contestants.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    return {name: times[1:] for name, times in seconds.items()}


def told(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return medians, and ours as a multiple of each other one, by neighbouring turns."""
    found: dict[str, Any] = {f"{k}_seconds": statistics.median(v) for k, v in seconds.items()}
    for name, times in seconds.items():
        if name != "ours":
            ratios = [a / b for a, b in zip(seconds["ours"], times, strict=True)]
            found[f"ours_to_{name}"] = statistics.median(ratios)
    return found


def steps(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one step of each model at each length."""
    results: dict[str, Any] = {}
    for name in MODELS:
        for length in args.lengths:
            model = made(name, length)
            x = (torch.rand(BATCH, length, BITS) < 0.1).float()
            batch = {"x": x, "length": torch.full((BATCH,), length)}
            contestants = {
                "ours": ours(copy.deepcopy(model)),
                "plain_loop": loop(copy.deepcopy(model), batched=False),
                "batched_loop": loop(copy.deepcopy(model), batched=True),
            }
            calls = {who: partial(step, batch) for who, step in contestants.items()}
            results.setdefault(name, {})[str(length)] = told(in_turns(calls, args.rounds))
            print(name, length, json.dumps(results[name][str(length)]), flush=True)
    return results


def songs(path: str) -> dict[str, Batch]:
    """Return the chorales, padded, by part."""
    from scipy.io import loadmat

    parts, found = loadmat(path), {}
    for part in ("train", "valid", "test"):
        each = [torch.from_numpy(song).float() for song in parts[f"{part}data"][0]]
        x = torch.nn.utils.rnn.pad_sequence(each, batch_first=True)
        found[part] = {"x": x, "length": torch.tensor([len(song) for song in each])}
    return found


def batches(part: Batch, order: Tensor) -> list[Batch]:
    """Return sequences in batches, each as long as its longest."""
    found = []
    for rows in order.split(BATCH):
        length = part["length"][rows]
        found.append({"x": part["x"][rows, : int(length.max())], "length": length})
    return found


def jsb(args: argparse.Namespace) -> dict[str, Any]:
    """Train the deep Markov model on chorales."""
    parts = songs(args.data)
    model = made("dmm", int(parts["test"]["length"].max()))
    models, contestants = {"ours": model}, {"ours": ours(model)}
    if not args.alone:
        models["pyro"] = copy.deepcopy(model)
        contestants["pyro"] = in_pyro(models["pyro"])
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for epoch in range(args.epochs):
        order = torch.randperm(len(parts["train"]["x"]))
        for name, step in contestants.items():
            torch.manual_seed(epoch)  # the same noise for all
            start = time.process_time()
            losses = [step(batch) * len(batch["x"]) for batch in batches(parts["train"], order)]
            seconds[name].append(time.process_time() - start)
            nats = sum(losses) / int(parts["train"]["length"].sum())
            print(f"epoch {epoch + 1}  {name}  {seconds[name][-1]:.1f} s  {nats:.3f}", flush=True)
    test = {name: nats_per_step(model.eval(), parts["test"]) for name, model in models.items()}
    return {"epoch": told(seconds), "test": test}


@torch.no_grad()
def nats_per_step(model: Model, part: Batch) -> dict[str, float]:
    """Return nats of each time step of a part: of the ELBO, and of 20 importance samples."""
    torch.manual_seed(0)
    elbo, log_p = 0.0, 0.0
    for batch in batches(part, torch.arange(len(part["x"]))):
        elbo += model(batch, num_samples=10).elbo.mean(0).sum().item()
        log_p += model.log_likelihood(batch, num_samples=20).sum().item()
    count = int(part["length"].sum())
    return {"elbo": -elbo / count, "importance_weighted": -log_p / count}


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the seconds of a step against the length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, (name, found) in zip(figure.subplots(1, len(results)), results.items(), strict=True):
        for who in ("ours", "plain_loop", "batched_loop"):
            seconds = [1e3 * each[f"{who}_seconds"] for each in found.values()]
            axes.plot([int(length) for length in found], seconds, "o-", label=who.replace("_", " "))
        axes.set(title=name.replace("_", " "), xlabel="steps", xscale="log", yscale="log")
        axes.set_xticks([*map(int, found)], labels=[*found], minor=False)
        axes.set_xticks([], minor=True)
    figure.axes[0].set_ylabel("ms of a training step")
    figure.axes[0].legend(frameon=False, loc="lower right", fontsize="small")
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("steps", "jsb"))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--lengths", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--data", default="../shared/data/jsb/JSB_Chorales.mat")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    found = steps(args) if args.what == "steps" else jsb(args)
    print(json.dumps(found, indent=2))
    if args.picture is not None and args.what == "steps":
        draw(found, args.picture)
    if args.out is not None:
        keep(found, args.out, "benchmarks.sequences", arguments)


if __name__ == "__main__":
    main()
