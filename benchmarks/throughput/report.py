"""The figures as a table, as a file and as a picture."""

__all__ = ["describe", "keep", "plot", "show", "write"]

import json
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vae.cli.environment import describe_environment

LOCAL = ("command", "git_changes", "platform")  # what may name the machine or its folders
COLOURS = {
    "captured": "0.5",
    "floor": "0.75",
    "plain": "C1",
    "pythae": "C3",
    "ours": "C0",
    "graph": "C4",
    "fast": "C2",
}


def describe() -> dict[str, Any]:
    """Return the machine and the versions."""
    found = {k: v for k, v in describe_environment().items() if k not in LOCAL}
    if find_spec("pythae") is not None:
        found["packages"]["pythae"] = version("pythae")
    return found


def write(results: dict[str, Any], path: Path) -> None:
    """Write figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


def keep(
    found: dict[str, Any], path: Path, module: str, arguments: Sequence[str] | None = None
) -> None:
    """Write figures with the command of the benchmark that found them, and its machine."""
    words = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", module, *words])
    write({"command": command, "machine": describe(), **found}, path)


def show(console: Console, name: str, result: dict[str, Any]) -> None:
    """Print what was found of a workload."""
    start, ratios = result.get("start", {}), result["ratios"]
    heads = ["images/s", "range", *(f"{who} to it" for who in ratios)]
    heads += ["peak MiB", *(["imported s", "step 1 s"] if start else [])]
    table = Table(title=name, title_justify="left")
    for head in ("", *heads):
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    for who, speed in result["images_per_second"].items():
        low, high = speed["range"]
        cells = [f"{speed['median']:,.0f}", f"{low:,.0f} to {high:,.0f}"]
        cells += [f"{r[who]['median']:.3f}" if who in r else "" for r in ratios.values()]
        cells.append(f"{result['peak_mib'][who]:,.0f}")
        cells += [f"{seconds:.1f}" for seconds in start.get(who, {}).values()]
        table.add_row(who, *cells)
    console.print(table)
    if result["save_seconds"] is not None:
        console.print(f"a save takes ours {result['save_seconds']:.3f} s")


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw every contestant's throughput as a multiple of the floor's, by workload."""
    from matplotlib.figure import Figure

    workloads = results["workloads"]
    figure = Figure(figsize=(9, 0.9 + 0.75 * len(workloads)), layout="constrained")
    axes = figure.subplots()
    present = {who for result in workloads.values() for who in result["images_per_second"]}
    names = [name for name in COLOURS if name in present]
    height = 0.8 / len(names)
    for i, name in enumerate(names):
        for row, result in enumerate(workloads.values()):
            speeds = result["images_per_second"]
            if name in speeds:
                share = speeds[name]["median"] / speeds["floor"]["median"]
                label = name if row == 0 else None
                place = row + (i + 0.5) * height - 0.4
                bar = axes.barh(place, share, height, color=COLOURS[name], label=label)
                axes.bar_label(bar, [f"{speeds[name]['median']:,.0f}/s"], padding=2, fontsize=7)
    axes.axvline(1, color="0.3", linewidth=0.8)
    axes.set_yticks(range(len(workloads)), list(workloads))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("throughput, multiples of the bare loop's")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(names), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
