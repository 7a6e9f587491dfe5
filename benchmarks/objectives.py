"""Cost of a training step under each objective, estimator, penalty and posterior.

    python -m benchmarks.objectives [--tables posteriors] [--only mmd] [--rounds 5] [--steps 30]
        [--output FILE]

Every step is forward, backward and the update of all parameters, an adversary's included, of the
mlp 784-400-20 on batches of 128. All variants take turns in one process; the figure is the median
over rounds of the ratio of a variant's time to that of the first of its table: of the ELBO with as
many samples, of the normal posterior. Times are those that the processor spent on this process:
other users of the machine do not count.
"""

import argparse
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput.report import describe, write
from vae.cli.compose import choices, compose_settings
from vae.cli.environment import prepare_process
from vae.data import DataSpec
from vae.training import VAEModule

SPEC = DataSpec("binary", (1, 28, 28), "boolean", 2)
COMMON = ["model=mlp", "optimizer=adam", "scheduler=constant"]
BATCH_SIZE = 128
K = 16
GROUPS = ["objective.num_groups=4", "objective.group_size=4"]
VARIANTS = {
    "elbo": [],
    "free_bits": ["objective=free_bits"],
    "elbo, stl": ["estimator=stl"],
    **{
        name: [f"penalty={name}"]
        for name in ("capacity", "total_correlation", "dip", "mmd", "sliced_wasserstein")
    },
    "factor, hidden 1000×5": ["penalty=factor"],
    "adversarial, hidden 512×3": ["penalty=adversarial"],
    "latent_norm": ["penalty=latent_norm"],
    "decoder_norm": ["penalty=decoder_norm"],
    "gradient_penalty": ["penalty=gradient_penalty"],
}
MANY = {
    "elbo": [f"objective.num_samples={K}"],
    "iwae": ["objective=iwae", f"objective.num_samples={K}"],
    "iwae, dreg": ["objective=iwae", "estimator=dreg", f"objective.num_samples={K}"],
    "iwae, score": ["objective=iwae", "estimator=score", f"objective.num_samples={K}"],
    "elbo, score": ["estimator=score", f"objective.num_samples={K}"],
    "ciwae": ["objective=ciwae", f"objective.num_samples={K}"],
    "renyi": ["objective=renyi", f"objective.num_samples={K}"],
    "miwae": ["objective=miwae", *GROUPS],
    "piwae": ["objective=piwae", *GROUPS],
}
TABLES = {
    "1 sample": VARIANTS,
    f"{K} samples": MANY,
    "posteriors": {
        name: [f"posterior={name}"]
        for name in sorted(choices("posterior"), key=lambda name: (name != "normal", name))
    },
}


def stepper(overrides: list[str]) -> Callable[[int], float]:
    """Return a function that takes training steps and says how many seconds each took."""
    module = VAEModule.from_config(compose_settings([*overrides, *COMMON]), SPEC)
    optimizers = module.configure_optimizers()
    x = (torch.rand(BATCH_SIZE, *SPEC.shape) < 0.2).float()

    def steps(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            trace = module.model(x, num_samples=module.objective.num_samples())
            torch.stack(list(module.objective(trace).values())).sum().backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
        return (time.process_time() - start) / count

    return steps


def measure(variants: dict[str, list[str]], *, rounds: int, steps: int) -> dict[str, Any]:
    """Let all variants take turns; return milliseconds and ratios to the first."""
    steppers = {name: stepper(overrides) for name, overrides in variants.items()}
    times: dict[str, list[float]] = {name: [] for name in variants}
    for step in steppers.values():
        step(5)
    for _ in range(rounds):
        for name, step in steppers.items():
            times[name].append(step(steps))
    base = next(iter(times.values()))
    return {
        name: {
            "milliseconds": 1000 * statistics.median(values),
            "ratio": statistics.median(v / b for v, b in zip(values, base, strict=True)),
        }
        for name, values in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="variants whose name begins so, and the first")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=[*TABLES])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    prepare_process(options.threads)
    command = f"python -m benchmarks.objectives {shlex.join(sys.argv[1:])}"
    results: dict[str, Any] = {"command": command, "machine": describe()}
    for title in options.tables:
        first = next(iter(TABLES[title]))
        chosen = {
            name: overrides
            for name, overrides in TABLES[title].items()
            if name == first or name.startswith(options.only)
        }
        results[title] = measure(chosen, rounds=options.rounds, steps=options.steps)
        for name, result in results[title].items():
            print(f"{title}  {name:<28} {result['milliseconds']:8.2f} ms  {result['ratio']:.2f}")
    if options.output:
        write(results, options.output)


if __name__ == "__main__":
    main()
