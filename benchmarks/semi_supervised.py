"""M2 and M1+M2 with few labels beside a classifier that has these labels alone, on MNIST.

    python -m benchmarks.semi_supervised --root ../shared/data [--labels 100] [--epochs 40]
        [--first-epochs 20] [--code-epochs 20] [--seeds 5] [--out table.json]
        [--folder outputs/semi_supervised]

Every run of a seed keeps other labels, equally many of each class: the seed is that of the split,
of the weights and of the noise. The classifier alone is a net of one hidden layer, with the same
optimizer, on binarised pictures whose binarisation is drawn anew at every step. Accuracies are of
all 10,000 test digits in their grey, by the checkpoint of the best bound on validation, which reads
no label. Of each class 100 samples are drawn; the probe that says what they look like is a net
trained on all labels of real digits. The file is written anew after every seed; runs that the
folder has are not repeated.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import vae
from benchmarks.throughput.report import describe
from vae.data import MNIST, DataModule
from vae.networks import MLP

M2 = [
    "model=m2",
    "model.shared_features=true",
    "model.latent_dim=10",
    "objective.alpha=50",
    "objective.beta=5",
    "data.batch_size=100",
    "optimizer.lr=0.003",
]
M1 = ["model=mlp", "model.latent_dim=50", "data.batch_size=200", "optimizer.lr=0.003"]
ON_CODES = [
    "objective.alpha=5",
    "objective.beta=1",
    "model.classifier.hidden=[128]",
    "model.num_features=128",
    "data.batch_size=200",
]
COMMON = ["data=mnist", "logger=none", "report=[classification]", "~callbacks.pictures"]


def trained(folder: Path, args: argparse.Namespace, seed: int, own: Sequence[str]) -> None:
    """Train by the command, unless the folder has the figures already."""
    if (folder / "metrics.json").is_file():
        return
    seeds = [f"seed={seed}", f"data.split_seed={seed}"]
    place = [f"data.root={args.root}", f"hydra.run.dir={folder}"]
    words = [*COMMON, *own, *seeds, *place, f"threads={args.threads}", *args.settings]
    subprocess.run([sys.executable, "train.py", *words], check=True, stdout=subprocess.DEVNULL)


def net_on(x: Tensor, y: Tensor, *, hidden: int, steps: int, seed: int) -> nn.Module:
    """Return a net that is trained to tell the classes of grey pictures in [0, 1]."""
    torch.manual_seed(seed)
    net = MLP((1, 28, 28), (10,), hidden=(hidden,))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (100,))
        loss = cross_entropy(net(torch.bernoulli(x[rows])), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@torch.no_grad()
def accuracy(guess: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> float:
    """Return the share of pictures of whose class the greatest of what is guessed is right."""
    return (guess(x).argmax(-1) == y).double().mean().item()


def judged(folder: Path, probe: nn.Module, test: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the accuracy of a run, and how often the probe sees in a sample what was asked for."""
    model = vae.load(folder)
    torch.manual_seed(0)
    label = torch.arange(1000) % 10
    return {
        "accuracy": accuracy(lambda x: model.predict(x).probs, test["x"], test["label"]),
        "agreement": accuracy(probe, model.sample(1000, given={"label": label}), label),
    }


def of_seed(args: argparse.Namespace, seed: int, probe: nn.Module) -> dict[str, Any]:
    """Return the figures of every method with the labels of a seed."""
    labelled = f"data.labelled={args.labels}"
    m1, m2, both = (args.folder / f"{name}-{seed}" for name in ("m1", "m2", "m1m2"))
    source = MNIST(root=str(args.root), download=False)
    data = DataModule(source, val_size=5000, split_seed=seed, labelled=args.labels)
    train, test = data.examples("train"), data.examples("test")
    known = train["label"] >= 0
    alone = net_on(train["x"][known], train["label"][known], hidden=256, steps=2000, seed=seed)
    found = {"classifier alone": {"accuracy": accuracy(alone, test["x"], test["label"])}}
    print(seed, found, flush=True)
    length = lambda epochs: f"trainer.max_epochs={epochs}"  # noqa: E731
    trained(m2, args, seed, [*M2, labelled, length(args.epochs)])
    found["M2"] = judged(m2, probe, test)
    print(seed, found, flush=True)
    if not args.m2_only:
        trained(m1, args, seed, [*M1, length(args.first_epochs)])
        own = [*M2, *ON_CODES, labelled, f"model.m1={m1}", length(args.code_epochs)]
        trained(both, args, seed, own)
        found["M1+M2"] = judged(both, probe, test)
    return found


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and standard error over seeds of each method's figures."""
    found = []
    for method in rows[0]:
        row: dict[str, Any] = {"method": method, "seeds": len(rows)}
        for name in rows[0][method]:
            values = [seed[method][name] for seed in rows]
            row[name] = statistics.mean(values)
            spread = statistics.stdev(values) if len(values) > 1 else float("nan")
            row[f"{name}_standard_error"] = spread / len(values) ** 0.5 if len(values) > 1 else None
        found.append(row)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Print a row for each seed, and the table of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--first-epochs", type=int, default=20, help="of M1")
    parser.add_argument("--code-epochs", type=int, default=20, help="of M2 on the codes of M1")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--m2-only", action="store_true", help="without M1+M2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--settings", nargs="*", default=[], help="for every run")
    parser.add_argument("--folder", type=Path, default=Path("outputs/semi_supervised"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    whole = DataModule(MNIST(root=str(args.root), download=False), val_size=5000).examples("train")
    test = DataModule(MNIST(root=str(args.root), download=False)).examples("test")
    probe = net_on(whole["x"], whole["label"], hidden=500, steps=10_000, seed=0)
    origin = {
        "command": "python -m benchmarks.semi_supervised " + shlex.join(argv or sys.argv[1:]),
        "machine": describe(),
        "probe_accuracy": accuracy(probe, test["x"], test["label"]),
        "settings": {"M1": M1, "M2": M2, "M2 on codes": ON_CODES},
    }
    print(json.dumps(origin), flush=True)
    rows = []
    for seed in range(args.seeds):
        rows.append(of_seed(args, seed, probe))
        print(json.dumps(rows[-1]), flush=True)
        if args.out is not None:
            text = json.dumps({**origin, "runs": rows, "table": table(rows)}, indent=1)
            args.out.write_text(text + "\n")
    for row in table(rows):
        print(row)


if __name__ == "__main__":
    main()
