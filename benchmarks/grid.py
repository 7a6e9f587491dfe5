"""Every posterior with every prior and objective, and with every likelihood, for three steps.

    python -m benchmarks.grid [--only gamma] [--steps 3] [--out grid.json]

A combination either trains, with a finite loss and finite gradients of all parameters, or is
refused by a sentence that says what to use instead. Prints how many do which, and what is refused
for which reason; ends with status 1 if one does neither.
"""

import argparse
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput.report import describe
from vae.build import check_parts
from vae.cli.compose import choices, compose_settings
from vae.cli.environment import prepare_process
from vae.data import DataSpec
from vae.training import VAEModule

SPECS = {  # data that a likelihood can score
    "boolean": DataSpec("binary", (1, 8, 8), "boolean", 2),
    "unit_interval": DataSpec("grey", (1, 8, 8), "unit_interval", 256),
}
SMALL = ["model=mlp", "model.encoder.hidden=[16]", "model.latent_dim=3", "scheduler=constant"]
SMALLER = {  # what makes a step quick, by choice
    "prior=vamp": ["prior.num_components=3"],
    "prior=exemplar": ["prior.num_exemplars=3"],
    "objective=iwae": ["objective.num_samples=3"],
    "objective=ciwae": ["objective.num_samples=3"],
    "objective=renyi": ["objective.num_samples=3"],
    "objective=miwae": ["objective.num_groups=2", "objective.group_size=2"],
    "objective=piwae": ["objective.num_groups=2", "objective.group_size=2"],
}
NAME = re.compile(r"\b[A-Z]\w+\b")


def combinations() -> Iterator[tuple[str, ...]]:
    """Yield the overrides of each."""
    parts = [[f"{group}={name}" for name in choices(group)] for group in GROUPS]
    yield from product(*parts)
    yield from product(parts[0], [f"likelihood={name}" for name in choices("likelihood")])


GROUPS = ("posterior", "prior", "objective")


def outcome(chosen: tuple[str, ...], steps: int) -> str:
    """Return ``trained``, or why not: the refusal without names, or what went wrong in capitals."""
    settings, refused = settings_of(chosen), []
    for spec in SPECS.values():
        try:
            train(VAEModule.from_config(settings, spec), spec, steps)
        except ValueError as error:
            refused.append(str(error))
        except (ArithmeticError, RuntimeError, TypeError, AttributeError, LookupError) as error:
            return f"FAILED: {type(error).__name__}: {str(error).splitlines()[0]}"
        else:
            return "trained"
    return "refused: " + NAME.sub("…", refused[0].split(". Use")[0])


def settings_of(chosen: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings of choices, each composed once; those of a joint prior follow others."""
    if "prior=joint" in chosen:
        return composed(*chosen)
    groups = [part.partition("=")[0] for part in chosen]
    return composed() | {g: composed(part)[g] for g, part in zip(groups, chosen, strict=True)}


@cache
def composed(*chosen: str) -> dict[str, Any]:
    """Return the settings of a small model with some choices."""
    more = [small for part in chosen for small in SMALLER.get(part, [])]
    return compose_settings(["data=sprites", *SMALL, *chosen, *more])


def train(module: VAEModule, spec: DataSpec, steps: int) -> None:
    """Take some steps.

    Raises:
        ArithmeticError: If a loss or a gradient is not finite, or missing.
        ValueError: If the parts do not fit together.
    """
    check_parts(module.model, module.objective, spec)
    x = torch.rand(8, *spec.shape)
    x = x.round() if spec.support == "boolean" else (255 * x).round() / 255
    optimizers = module.make_optimizers()
    for _ in range(steps):
        trace = module.model(x, num_samples=module.objective.num_samples())
        loss = torch.stack(list(module.objective(trace).values())).sum()
        loss.backward()
        for name, parameter in module.named_parameters():
            if parameter.grad is None or not parameter.grad.isfinite().all():
                raise ArithmeticError(f"the gradient of {name} is {parameter.grad}")
        if not loss.isfinite():
            raise ArithmeticError(f"the loss is {loss}")
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


def main() -> None:
    """Try all, print the counts, and end with status 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="combinations that name this")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    prepare_process(1)
    torch.manual_seed(0)
    counts: Counter[str] = Counter()
    for chosen in combinations():
        if options.only in " ".join(chosen):
            found = outcome(chosen, options.steps)
            counts[found] += 1
            if found.startswith("FAILED"):
                print(" ".join(chosen), found, flush=True)
    for found, count in counts.most_common():
        print(f"{count:6,}  {found}")
    if options.out is not None:
        command = f"python -m benchmarks.grid {shlex.join(sys.argv[1:])}"
        origin = {"command": command, "machine": describe()}
        options.out.write_text(json.dumps({**origin, "counts": counts}, indent=1) + "\n")
    raise SystemExit(any(found.startswith("FAILED") for found in counts))


if __name__ == "__main__":
    main()
