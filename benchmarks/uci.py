"""Bayesian nets of 50 hidden units on the regression tables of UCI, over their 20 splits.

    python -m benchmarks.uci --data ../shared/data/uci [--sets bostonHousing yacht concrete energy]

Tables and splits are those of Hernández-Lobato and Adams (2015), 1502.05336, as Gal and Ghahramani
(2016) published them: a folder for each table, with ``data.txt`` and the rows of each split. One
hidden layer; the deviation of each layer's prior and that of the noise are learned, so that nothing
is searched on the test data. All splits of a table are trained at once, each with weights, batches
and noise of its own. The test log-likelihood is that of the predictive mixture of 500 draws of the
weights, in nats and in the target's units, and the root mean squared error that of its mean; both
are means over the splits with standard errors.

``--validate`` leaves the test rows alone: it trains on nine tenths of each split's training rows
and judges on the others. The settings below were chosen by it. ``--out`` writes a JSON file.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from benchmarks.throughput.report import describe
from vae.bayesian import EmpiricalPrior, ScaleMixturePrior, WeightPrior, bayesian
from vae.distributions import RealResponse
from vae.models import BayesianNet, Standardize
from vae.networks import MLP
from vae.objectives import ELBO, Progress

SETS = ("bostonHousing", "yacht", "concrete", "energy")
DRAWS = 500  # of the weights, for the test


@dataclass(frozen=True)
class Setting:
    """How the nets are made and trained."""

    hidden: int = 50
    steps: int = 3000
    batch_size: int = 256
    num_samples: int = 1
    lr: float = 0.02
    start_scale: float = 0.03
    varying: bool = True
    activation: str = "ReLU"
    mixture: bool = False


FLAGS = (
    "--hidden",
    "--steps",
    "--batch-size",
    "--num-samples",
    "--lr",
    "--start-scale",
    "--varying",
    "--activation",
    "--mixture",
)  # of the settings, in their order


def read_splits(folder: Path, *, validate: bool, count: int) -> list[dict[str, Tensor]]:
    """Return x and y of the training and the test rows of each split."""
    table = torch.from_numpy(np.loadtxt(folder / "data.txt")).float()
    columns, target = (
        np.loadtxt(folder / f"index_{n}.txt").astype(int) for n in ("features", "target")
    )
    splits = []
    for k in range(count):
        train, test = (
            np.loadtxt(folder / f"index_{n}_{k}.txt").astype(int) for n in ("train", "test")
        )
        if validate:
            order = np.random.default_rng(k).permutation(train)
            test, train = np.split(order, [len(order) // 10])
        x, y = table[:, columns], table[:, int(target)]
        splits.append({"x": x[train], "y": y[train], "x_test": x[test], "y_test": y[test]})
    return splits


def made(split: dict[str, Tensor], setting: Setting) -> BayesianNet:
    """Return an untrained net in the units of a split's training rows."""
    x = split["x"]
    response, standardize = RealResponse(varying=setting.varying), Standardize(x.shape[1:])
    activation = getattr(nn, setting.activation)()
    net = MLP(x.shape[1:], response.param_shape, hidden=(setting.hidden,), activation=activation)
    prior: WeightPrior = EmpiricalPrior()
    if setting.mixture:
        prior = ScaleMixturePrior(scales=(0.7, 0.05), learned=True)
    model = BayesianNet(
        bayesian(net, prior=prior, start_scale=setting.start_scale),
        response,
        standardize=standardize,
    )
    width = x.std(0, correction=0)
    standardize.set(x.mean(0), torch.where(width > 0, width, 1.0))
    response.start_from(split["y"])
    return model


class Loss(nn.Module):
    """The loss of one net on rows of its training data, as a module that can be stacked."""

    def __init__(self, model: BayesianNet, num_examples: int, num_samples: int) -> None:
        super().__init__()
        self.model, self.objective = model, ELBO()
        self.num_examples, self.num_samples = num_examples, num_samples

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return −ELBO in nats per example."""
        draws = {"num_samples": self.num_samples, "num_examples": self.num_examples}
        terms = self.objective(self.model({"x": x, "target": y}, **draws), Progress())
        return terms["reconstruction"] + terms["kl"]


def fitted(splits: Sequence[dict[str, Tensor]], setting: Setting, seed: int) -> list[BayesianNet]:
    """Train a net for each split, all at once."""
    torch.manual_seed(seed)
    size = len(splits[0]["y"])
    losses = [Loss(made(split, setting), size, setting.num_samples) for split in splits]
    parameters, buffers = stack_module_state(losses)
    x, y = (torch.stack([split[name] for split in splits]) for name in ("x", "y"))

    def loss(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        value: Tensor = functional_call(losses[0], (p, b), (x, y))
        return value

    each = torch.vmap(loss, randomness="different")
    optimizer = torch.optim.Adam(parameters.values(), lr=setting.lr)
    rows = torch.arange(len(splits))[:, None]
    for step in range(setting.steps):
        optimizer.param_groups[0]["lr"] = setting.lr * 0.5 * (1 + cos(pi * step / setting.steps))
        chosen = torch.rand(len(splits), size).topk(min(setting.batch_size, size)).indices
        optimizer.zero_grad()
        each(parameters, buffers, x[rows, chosen], y[rows, chosen]).sum().backward()
        optimizer.step()
    models = []
    for k, one in enumerate(losses):
        one.load_state_dict({n: v[k].detach() for n, v in {**parameters, **buffers}.items()})
        models.append(deepcopy(one.model).eval())
    return models


def judged(model: BayesianNet, split: dict[str, Tensor]) -> dict[str, float]:
    """Return error and log-likelihood of the test rows, and what the net learned of the noise."""
    p, y = model.predict(split["x_test"], DRAWS), split["y_test"]
    train = model.predict(split["x"], DRAWS)
    return {
        "rmse": (p.mean - y).square().mean().sqrt().item(),
        "log_likelihood": p.log_prob(y).mean().item(),
        "train_log_likelihood": train.log_prob(split["y"]).mean().item(),
    }


def measured(folder: Path, setting: Setting, args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a table over its splits."""
    start = time.perf_counter()
    splits = read_splits(folder, validate=args.validate, count=args.splits)
    found = [judged(m, s) for m, s in zip(fitted(splits, setting, args.seed), splits, strict=True)]
    figures = {}
    for name in found[0]:
        values = torch.tensor([each[name] for each in found], dtype=torch.float64)
        figures[name] = values.mean().item()
        figures[f"{name}_error"] = values.std().item() / len(values) ** 0.5
    return {"set": folder.name, **figures, "seconds": time.perf_counter() - start}


def main(argv: Sequence[str] | None = None) -> None:
    """Print a row for each table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--out", type=Path)
    for flag, value in zip(FLAGS, asdict(Setting()).values(), strict=True):
        kind = (lambda text: text == "true") if isinstance(value, bool) else type(value)
        parser.add_argument(flag, type=kind, default=value)
    args = parser.parse_args(argv)
    setting = Setting(**{name: getattr(args, name) for name in asdict(Setting())})
    rows = []
    print(f"{'set':<14} {'RMSE':>16} {'log-likelihood':>18} {'of training':>12} {'seconds':>8}")
    for name in args.sets:
        row = measured(args.data / name, setting, args)
        rows.append(row)
        print(
            f"{name:<14} {row['rmse']:8.3f} ± {row['rmse_error']:.3f} "
            f"{row['log_likelihood']:10.3f} ± {row['log_likelihood_error']:.3f} "
            f"{row['train_log_likelihood']:12.3f} {row['seconds']:8.0f}",
            flush=True,
        )
    if args.out is not None:
        told: dict[str, Any] = {
            "command": "python -m benchmarks.uci " + shlex.join(argv or sys.argv[1:])
        }
        told |= {"machine": describe(), "setting": asdict(setting)}
        told |= {"validate": args.validate, "seed": args.seed}
        args.out.write_text(json.dumps({**told, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
