"""Time per step of `vae.fit` and of the VAEs beside Pyro's SVI, in turns in one run.

Same model, family, draws per step and optimizer. Of the log-joints, both written for torch and
taken from the Pyro model; and of the VAE a plain loop of torch, which has nothing but the
arithmetic. Needs the extra ``pyro``.

``python -m benchmarks.inference [--out table.json]``
"""

import argparse
import json
import logging
import shlex
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, HalfCauchy, Normal, constraints
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

import vae
from benchmarks.throughput.report import describe
from vae.inference import Target, fit, from_pyro
from vae.inference.space import Supports

CLOCK = time.perf_counter
EFFECTS = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
ROWS, COLUMNS, BATCH, LATENT, HIDDEN = 10_000, 20, 100, 20, 400
Steps = Callable[[int], list[float]]


class Clocked(Adam):
    """Adam that notes when each step was taken."""

    ends: list[float]

    def step(self, *arguments: Any, **named: Any) -> Any:
        """Take a step."""
        result = super().step(*arguments, **named)
        self.ends.append(CLOCK())
        return result


def seconds_between(ends: list[float]) -> list[float]:
    """Return how long each step took but the first tenth."""
    ends = ends[len(ends) // 10 :]
    return [after - before for before, after in pairwise(ends)]


def by_fit(*given: Any, **named: Any) -> Steps:
    """Return what fits a log-joint for some steps."""

    def run(steps: int) -> list[float]:
        ends: list[float] = []

        def optimizer(parameters: Any, lr: float) -> Adam:
            made = Clocked(parameters, lr=lr, fused=True)
            made.ends = ends
            return made

        fit(*given, **named, steps=steps, lr=0.01, optimizer=optimizer, quiet=True)
        return seconds_between(ends)

    return run


def by_svi(model: Callable[..., Any], guide: Any, batches: Any, draws: int, lr: float) -> Steps:
    """Return what takes steps of Pyro's SVI, the arguments of each from an iterator."""
    import pyro
    from pyro.infer import SVI, Trace_ELBO
    from pyro.optim import PyroOptim

    def run(steps: int) -> list[float]:
        pyro.clear_param_store()
        elbo = Trace_ELBO(num_particles=draws, vectorize_particles=draws > 1)
        svi = SVI(model, guide(), PyroOptim(Adam, {"lr": lr}), elbo)
        ends = []
        for given in batches(steps):
            svi.step(*given)
            ends.append(CLOCK())
        return seconds_between(ends)

    return run


def whole(*given: Any) -> Callable[[int], Iterator[Any]]:
    """Return what gives the same arguments at each step."""
    return lambda steps: (given for _ in range(steps))


def schools(mu: Tensor, tau: Tensor, eta: Tensor) -> Tensor:
    """Return the log-joint of the eight schools, not centred."""
    log_prior = Normal(0.0, 5.0).log_prob(mu) + HalfCauchy(5.0).log_prob(tau)
    log_prior = log_prior + Normal(0.0, 1.0).log_prob(eta).sum()
    return log_prior + Normal(mu + tau * eta, ERRORS).log_prob(EFFECTS).sum()


def schools_of_pyro() -> None:
    import pyro
    import pyro.distributions as dist

    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 8):
        eta = pyro.sample("eta", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(mu + tau * eta, ERRORS), obs=EFFECTS)


def log_prior(weight: Tensor, bias: Tensor) -> Tensor:
    return Normal(0.0, 1.0).log_prob(weight).sum() + Normal(0.0, 3.0).log_prob(bias)


def log_likelihood(batch: dict[str, Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    return Bernoulli(logits=batch["x"] @ weight + bias).log_prob(batch["y"])


def logistic_of_pyro(x: Tensor, y: Tensor) -> None:
    import pyro
    import pyro.distributions as dist

    weight = pyro.sample("weight", dist.Normal(torch.zeros(COLUMNS), 1.0).to_event(1))
    bias = pyro.sample("bias", dist.Normal(0.0, 3.0))
    logits = (
        (x @ weight.unsqueeze(-1)).squeeze(-1) + bias if weight.dim() > 1 else x @ weight + bias
    )
    with pyro.plate("rows", ROWS, subsample=x) if len(x) < ROWS else pyro.plate("rows", ROWS):
        pyro.sample("y", dist.Bernoulli(logits=logits), obs=y)


def shuffled(x: Tensor, y: Tensor) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
    """Return what gives some rows at each step, those of a new order in each epoch."""

    def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        left = steps
        while left > 0:
            for rows in torch.randperm(len(x)).split(BATCH)[:left]:
                yield x[rows], y[rows]
                left -= 1

    return batches


class PyroVAE(nn.Module):
    """The network 784-400-20 with Pyro's model and guide."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU())
        self.loc, self.log_scale = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784))

    def model(self, x: Tensor) -> None:
        """Say which sites there are."""
        import pyro
        import pyro.distributions as dist

        pyro.module("decoder", self.decoder)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(len(x), LATENT), 1.0).to_event(1))
            logits = self.decoder(z)
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        """Say which posteriors the latents have."""
        import pyro
        import pyro.distributions as dist

        for name in ("encoder", "loc", "log_scale"):
            pyro.module(name, getattr(self, name))
        with pyro.plate("rows", len(x)):
            h = self.encoder(x)
            q = dist.Normal(self.loc(h), self.log_scale(h).exp()).to_event(1)
            pyro.sample("z", q)


class Ends(pl.Callback):
    """Notes when each training step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """Note it."""
        self.ends.append(CLOCK())


def by_trainer(loader: DataLoader[Any], *overrides: str) -> Steps:
    """Return what trains our VAE by Lightning's Trainer."""

    def run(steps: int) -> list[float]:
        ends = Ends()
        module = vae.make_module(
            "model=mlp", "scheduler=constant", *overrides, like=torch.zeros(2, 784) > 0
        )
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=steps,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            callbacks=[ends],
        )
        trainer.fit(module, loader)
        return seconds_between(ends.ends)

    return run


def by_hand(loader: DataLoader[Any]) -> Steps:
    """Return what trains the same net by a loop of torch alone, with the same fused Adam."""

    def run(steps: int) -> list[float]:
        net, ends = PyroVAE(), []
        optimizer = Adam(net.parameters(), 1e-3, fused=True)
        for (x,), _ in zip(chain.from_iterable(repeat(loader)), range(steps), strict=False):
            h = net.encoder(x)
            loc, log_scale = net.loc(h), net.log_scale(h)
            logits = net.decoder(loc + log_scale.exp() * torch.randn_like(loc))
            kl = (loc.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).sum() / 2
            cost = binary_cross_entropy_with_logits(logits, x, reduction="sum")
            optimizer.zero_grad()
            ((cost + kl) / len(x)).backward()
            optimizer.step()
            ends.append(CLOCK())
        return seconds_between(ends)

    return run


def vae_of_pyro(loader: DataLoader[Any]) -> Steps:
    """Return what trains the same net by SVI."""

    def run(steps: int) -> list[float]:
        net = PyroVAE()

        def batches(count: int) -> Iterator[Any]:
            while count > 0:
                for given, _ in zip(loader, range(count), strict=False):
                    yield given
                    count -= 1

        return by_svi(net.model, lambda: net.guide, batches, 1, 1e-3)(steps)

    return run


def autoguide(name: str, model: Callable[..., Any]) -> Callable[[], Any]:
    """Return what makes a guide of Pyro."""
    from pyro.infer import autoguide as guides

    return lambda: getattr(guides, name)(model, init_scale=0.1)


def contests(draws: int) -> dict[str, dict[str, Steps]]:
    """Return what is timed, by problem and runner; Pyro's SVI is the first of each."""
    x = torch.randn(ROWS, COLUMNS)
    y = torch.bernoulli((x @ torch.randn(COLUMNS)).sigmoid())
    data = {"x": x, "y": y}
    of_schools = {
        "mu": constraints.real,
        "tau": constraints.positive,
        "eta": (constraints.real, (8,)),
    }
    of_logistic: Supports = {"weight": (constraints.real, (COLUMNS,)), "bias": constraints.real}
    logistic = Target.of_data(log_prior, log_likelihood, of_logistic, data)
    found: dict[str, dict[str, Steps]] = {}
    for family, guide in (("mean_field", "AutoNormal"), ("full_rank", "AutoMultivariateNormal")):
        more = {"posterior": family, "num_samples": draws}
        found[f"eight schools, {family}, {draws} draws a step"] = {
            "pyro": by_svi(
                schools_of_pyro, autoguide(guide, schools_of_pyro), whole(), draws, 0.01
            ),
            "ours": by_fit(schools, of_schools, **more),
            "ours, of the Pyro model": by_fit(from_pyro(schools_of_pyro), **more),
        }
    more = {"posterior": "mean_field", "num_samples": draws}
    made = autoguide("AutoNormal", logistic_of_pyro)
    found[f"logistic regression, all rows, {draws} draws a step"] = {
        "pyro": by_svi(logistic_of_pyro, made, whole(x, y), draws, 0.01),
        "ours": by_fit(logistic, **more),
        "ours, of the Pyro model": by_fit(from_pyro(logistic_of_pyro, x, y), **more),
    }
    found[f"logistic regression, {BATCH} rows, {draws} draws a step"] = {
        "pyro": by_svi(logistic_of_pyro, made, shuffled(x, y), draws, 0.01),
        "ours": by_fit(logistic, batch_size=BATCH, **more),
    }
    pictures = (torch.rand(BATCH * 100, 784) < 0.13).float()
    loader = DataLoader(TensorDataset(pictures), BATCH, shuffle=True, drop_last=True)
    found["VAE 784-400-20"] = {
        "pyro": vae_of_pyro(loader),
        "ours": by_trainer(loader),
        "ours, compiled": by_trainer(loader, "compile=true"),
        "a plain loop": by_hand(loader),
    }
    return found


def measure(runners: dict[str, Steps], rounds: int, steps: int) -> dict[str, list[float]]:
    """Return the median time of a step in each round, by runner, in turns."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(rounds + 1):
        for name, run in runners.items():
            middle = statistics.median(run(steps))
            if number:  # the first round warms up
                times[name].append(middle)
    return times


def main() -> None:
    """Measure, and print medians and the ratios of neighbouring turns."""
    global CLOCK
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument(
        "--draws", type=int, nargs="+", default=[1, 10], help="draws of q in a step"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="problems whose name holds this")
    parser.add_argument("--cpu", action="store_true", help="seconds of the processor")
    parser.add_argument("--out", type=Path, help="a JSON file for the rows")
    given = parser.parse_args()
    rows = []
    CLOCK = time.process_time if given.cpu else time.perf_counter
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.disable(logging.INFO)
    problems = {name: these for draws in given.draws for name, these in contests(draws).items()}
    for problem, runners in problems.items():
        if given.only in problem:
            times = measure(runners, given.rounds, given.steps)
            for name, found in times.items():
                ratios = [b / a for a, b in zip(times["pyro"], found, strict=True)]
                rows.append({"problem": problem, "runner": name, **told(found, ratios)})
                print(json.dumps(rows[-1]), flush=True)
    if given.out is not None:
        command = f"python -m benchmarks.inference {shlex.join(sys.argv[1:])}"
        origin = {"command": command, "machine": describe()}
        given.out.write_text(json.dumps({**origin, "rows": rows}, indent=1) + "\n")


def told(seconds: list[float], ratios: list[float]) -> dict[str, Any]:
    """Return median microseconds a step, and median and quartiles of its ratio to Pyro's."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "microseconds": round(1e6 * statistics.median(seconds)),
        "of Pyro's": round(middle, 3),
        "quartiles": [round(low, 3), round(high, 3)],
    }


if __name__ == "__main__":
    main()
