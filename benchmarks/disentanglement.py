"""What the disentangling objectives do to the aggregate posterior of sprites.

    python -m benchmarks.disentanglement [--folder outputs/disentanglement] [--output FILE]

Trains the same net with the same budget under each objective, then takes the mean KL apart over all
training examples (`vae.evaluation.AggregatePosterior`). Runs that are already in the folder are
used as they are.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.throughput.report import describe, write

COMMON = ["model=burgess", "data=sprites", "logger=none", "trainer=cpu"]
DISCRIMINATOR = "penalties.factor.discriminator.hidden=[256,256,256]"
RUNS = {
    "VAE": [],
    "β-VAE, β = 4": ["objective.beta=4"],
    "β-TCVAE, β = 6": ["experiment=beta_tcvae"],
    "FactorVAE, γ = 10": [
        "penalty=factor",
        "penalties.factor.weight=10",
        DISCRIMINATOR,
        "penalties.factor.optimizer.lr=1e-3",
    ],
    "DIP-VAE I": ["experiment=dip_vae_i"],
    "DIP-VAE II": ["experiment=dip_vae_ii"],
}
COLUMNS = {
    "elbo": "ELBO",
    "log_likelihood": "log p(x\\|z)",
    "kl": "KL",
    "mutual_information": "MI",
    "total_correlation": "TC",
    "dimension_wise_kl": "KL by dimension",
}


def measure(overrides: list[str], folder: Path, threads: int) -> dict[str, Any]:
    """Train, unless it was done before, and return the figures on the training examples."""
    common = [*COMMON, f"threads={threads}", f"hydra.run.dir={folder}"]
    if not (folder / "metrics.json").exists():
        call("train.py", *common, *overrides)
    output = folder / "train"
    if not (output / "metrics.json").exists():
        call(
            "eval.py",
            f"checkpoint={folder}",
            "split=train",
            "test_samples=1",
            f"output={output}",
            f"threads={threads}",
        )
    figures: dict[str, Any] = json.loads((output / "metrics.json").read_text())["bound"]["figures"]
    return {
        "command": " ".join(["python", "train.py", *COMMON, *overrides]),
        "num_examples": figures["num_examples"],
        "active_units": figures["active_units"],
        **{column: figures[column] for column in COLUMNS},
    }


def call(script: str, *overrides: str) -> None:
    """Run one of the project's commands."""
    path = Path(__file__).parents[1] / script
    subprocess.run([sys.executable, str(path), *overrides], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("outputs/disentanglement"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = {}
    for number, (name, overrides) in enumerate(RUNS.items()):
        results[name] = measure(overrides, options.folder / str(number), options.threads)
    print("| objective | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for name, figures in results.items():
        print(f"| {name} | " + " | ".join(f"{figures[column]:.2f}" for column in COLUMNS) + " |")
    if options.output:
        command = "python -m benchmarks.disentanglement"
        write({"command": command, "machine": describe(), "runs": results}, options.output)


if __name__ == "__main__":
    main()
