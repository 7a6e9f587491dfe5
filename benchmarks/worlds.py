"""What a world foresees of moving sprites, beside one that reads no actions and the last picture.

    python -m benchmarks.worlds [--steps 600] [--side 8] [--length 24] [--batch 64]
        [--objective balanced_elbo] [--set SETTING …] [--out docs/worlds.json]

Both are trained on the same sequences in the same order; errors are those of `report=[open_loop]`
on sequences that neither has seen.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput.report import keep
from vae.build import build_model, build_objective
from vae.cli.compose import compose_settings
from vae.data import DataModule, MovingSprites
from vae.evaluation import OpenLoop, Subject, measure
from vae.models import Model

NETS = ["model=rssm", "model.latent_dim=8", "model.state_dim=64", "model.hidden_dim=64"]
NETS += ["model.encoder.hidden=[64]"]
TWINS = {"world": [], "without actions": ["model.actions=false"]}


def trained(args: argparse.Namespace, data: DataModule, own: list[str]) -> tuple[Model, float]:
    """Train a model by Adam, and return it with the seconds of the processor that it took."""
    torch.manual_seed(0)
    chosen = [*NETS, f"objective={args.objective}", *own, *args.set]
    settings = compose_settings(chosen)
    model = build_model(settings, data.spec)
    objective = build_objective(settings, model, data.spec)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, fused=True)
    examples, start = data.examples("train"), time.process_time()
    order = torch.Generator().manual_seed(0)
    for step in range(args.steps):
        rows = torch.randint(len(examples["x"]), (args.batch,), generator=order)
        batch = {name: examples[name][rows] for name in ("x", "action", "reset")}
        loss = torch.stack(list(objective(model(batch)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 100)
        optimizer.step()
        if (step + 1) % 200 == 0:
            error = judged(model.eval(), data, "val")["figures"]["open_loop_mse_15"]
            print(f"{step + 1}: loss {loss.item():.1f}, 15 steps ahead {error:.4f}", flush=True)
            model.train()
    return model.eval(), time.process_time() - start


def judged(model: Model, data: DataModule, split: str) -> dict[str, Any]:
    """Return the figures of open-loop prediction."""
    part = OpenLoop(movie="none", columns=1)
    report = measure(Subject(model, data, split=split), {"open_loop": part})
    return report.sections["open_loop"].as_dict()


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600, help="of training")
    parser.add_argument("--side", type=int, default=8, help="of a picture, in pixels")
    parser.add_argument("--length", type=int, default=24, help="pictures of a sequence")
    parser.add_argument("--batch", type=int, default=64, help="sequences of a step")
    parser.add_argument("--objective", default="balanced_elbo", help="a choice of the group")
    parser.add_argument("--set", nargs="*", default=[], help="further settings")
    parser.add_argument("--out", type=Path, help="where the figures go, as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = MovingSprites(1500, steps=args.length, side=args.side)
    data = DataModule(source, val_size=100, test_size=200)
    found = {}
    for name, own in TWINS.items():
        model, seconds = trained(args, data, own)
        found[name] = {**judged(model, data, "test"), "seconds": seconds}
        print(name, found[name]["figures"], flush=True)
    if args.out is not None:
        keep({"runs": found}, args.out, "benchmarks.worlds")


if __name__ == "__main__":
    main()
