"""A net with a posterior over its weights beside the deterministic one of the same size, on MNIST.

    python -m benchmarks.uncertain_digits --root ../shared/data --cifar ../shared/data/cifar10_jpeg
        [--epochs 5] [--out table.json]

784-400-10 with ReLU, on grey pictures in [0, 1] without augmentation; Adam under one cosine of the
learning rate, the same for both. Accuracy, log-likelihood and calibration error are those of the
test data, of the Bayesian net by 100 draws of its weights. The AUROC says how well the predictive
entropy tells 2,000 test digits from as many other pictures: CIFAR-10's test pictures (from JPEG
files), grey and reduced to 28×28, and digits turned by a quarter, which are nearer. There are no
Fashion-MNIST files here; with them, ``python eval.py report=predictions
report.predictions.other=fashion_mnist`` gives the same figure. ``--prior-scale 0`` learns it.
"""

import argparse
import io
import json
import shlex
import sys
import tarfile
import time
from collections.abc import Sequence
from math import cos, log, pi
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate
from torchvision.transforms.functional import pil_to_tensor

from benchmarks.throughput.report import describe
from vae.bayesian import EmpiricalPrior, GaussianPrior, bayesian
from vae.data import MNIST
from vae.data.source import TensorExamples
from vae.distributions import ClassResponse
from vae.evaluation.downstream.auroc import auroc
from vae.evaluation.measures.calibration import (
    calibration_error,
    expected_if_calibrated,
    into_bins,
)
from vae.models import BayesianNet
from vae.networks import MLP

DRAWS, OTHERS, BINS = 100, 2000, 15


def digits(root: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Return pictures ``(N, 1, 28, 28)`` in [0, 1] and labels of MNIST's two parts."""
    splits = MNIST(root=str(root), download=False).load()
    found = {}
    for name, part in (("train", splits.train), ("test", splits.test)):
        assert isinstance(part, TensorExamples)
        assert part.labels is not None
        found[name] = (part.x.reshape(-1, 1, 28, 28).float() / 255, part.labels)
    return found


def natural(folder: Path) -> Tensor:
    """Return grey CIFAR-10 test pictures, reduced to ``(N, 1, 28, 28)``."""
    pictures = []
    with tarfile.open(folder / "test-00.tar") as tar:
        for member in tar:
            if member.name.endswith(".jpg") and (file := tar.extractfile(member)) is not None:
                picture = Image.open(io.BytesIO(file.read())).convert("L")
                pictures.append(pil_to_tensor(picture))
            if len(pictures) == OTHERS:
                break
    x = torch.stack(pictures).float() / 255
    return interpolate(x, size=(28, 28), mode="bilinear", antialias=True)


def train(
    model: BayesianNet, x: Tensor, y: Tensor, args: argparse.Namespace, *, sure: bool
) -> None:
    """Train the net with its posterior, or its means alone if it is to be sure."""
    net = model.net.net if sure else model
    scales: list[nn.Parameter] = []
    means: list[nn.Parameter] = []
    for name, value in net.named_parameters():
        (scales if name.endswith("log_scale") else means).append(value)
    rates = [(means, args.lr), (scales, args.scale_lr)]
    groups = [{"params": values, "lr": rate} for values, rate in rates if values]
    optimizer = torch.optim.Adam(groups, fused=True)
    total = args.epochs * (len(x) // args.batch_size)
    for step in range(total):
        for group, (_, rate) in zip(optimizer.param_groups, rates, strict=False):
            group["lr"] = rate * 0.5 * (1 + cos(pi * step / total))
        rows = torch.randint(len(x), (args.batch_size,))
        if sure:
            loss = cross_entropy(net(x[rows]), y[rows])
        else:
            batch = {"x": x[rows], "label": y[rows]}
            loss = -model(batch, num_examples=len(x)).elbo.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def predicted(model: BayesianNet, x: Tensor, *, sure: bool) -> Tensor:
    """Return log-probabilities ``(N, 10)``."""
    if sure:
        with torch.no_grad():
            return model.net.net(x).log_softmax(-1)
    parts = [model.outputs(part, DRAWS).log_softmax(-1).logsumexp(0) for part in x.split(2000)]
    return torch.cat(parts) - log(DRAWS)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a row for each net."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--scale-lr", type=float, default=1e-2, help="of log sigma")
    parser.add_argument("--prior-scale", type=float, default=0.05)
    parser.add_argument("--start-scale", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    data = digits(args.root)
    x, y = data["test"]
    others = {"CIFAR-10, grey": natural(args.cifar), "turned digits": x[-OTHERS:].rot90(1, (2, 3))}
    rows = []
    for sure in (True, False):
        torch.manual_seed(args.seed)
        prior = GaussianPrior(args.prior_scale) if args.prior_scale else EmpiricalPrior()
        net = bayesian(MLP((1, 28, 28), (10,)), prior=prior, start_scale=args.start_scale)
        model, start = BayesianNet(net, ClassResponse(10)), time.perf_counter()
        train(model, *data["train"], args, sure=sure)
        seconds = time.perf_counter() - start
        log_p = predicted(model.eval(), x, sure=sure)
        confidence, guess = log_p.exp().max(-1)
        entropy = -(log_p.exp() * log_p).sum(-1)
        row = {
            "net": "deterministic" if sure else "Bayesian",
            "accuracy": (guess == y).double().mean().item(),
            "log_likelihood": log_p.gather(1, y[:, None]).mean().item(),
            "ece": calibration_error(into_bins(confidence, guess == y, BINS)),
            "ece_if_calibrated": expected_if_calibrated(confidence, BINS),
            "seconds": seconds,
        }
        for name, z in others.items():
            theirs = predicted(model, z, sure=sure)
            doubt = -(theirs.exp() * theirs).sum(-1)
            row[f"AUROC, {name}"], row[f"error, {name}"] = auroc(entropy[:OTHERS], doubt)
        rows.append(row)
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    if args.out is not None:
        told = {k: v for k, v in vars(args).items() if isinstance(v, int | float)}
        command = "python -m benchmarks.uncertain_digits " + shlex.join(argv or sys.argv[1:])
        origin = {"command": command, "machine": describe()}
        args.out.write_text(json.dumps({**origin, "settings": told, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
