"""``eval.py``: figures and pictures from a checkpoint alone."""

__all__ = ["evaluate_model", "find_checkpoint", "run"]

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import Progress

from vae.build import build_data, load, read_checkpoint
from vae.cli.checks import check_data_shape, check_evaluation
from vae.cli.environment import prepare_process
from vae.cli.summary import show_figures
from vae.data import DataModule
from vae.evaluation import (
    evaluate,
    interpolations,
    most_used,
    reconstructions,
    render,
    samples,
    save_picture,
    traversals,
)
from vae.models import Model

COLUMNS = 10


def run(config: DictConfig) -> float:
    """Evaluate a checkpoint, write ``metrics.json`` and pictures, and return the ELBO."""
    settings: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    check_evaluation(settings)
    prepare_process(settings["threads"])
    path = find_checkpoint(settings["checkpoint"], "best")
    trained = read_checkpoint(path)["hyper_parameters"]
    run_config = trained["config"]
    data = build_data({**run_config, "data": replaced(run_config["data"], settings["data"])})
    check_data_shape(trained["spec"]["shape"], data.spec.shape)
    model = load(path, device=pick_device(settings["device"]))
    folder = Path(settings["output"]) if settings["output"] else beside(path)
    figures = evaluate_model(
        model,
        data,
        folder,
        split=settings["split"],
        num_samples=settings["num_samples"],
        max_rows=settings["max_rows"],
        max_examples=settings["max_examples"],
        seed=settings["seed"],
    )
    console = Console()
    show_figures(console, figures, title=f"{path}")
    console.print(f"written to {folder}", soft_wrap=True, highlight=False)
    return float(figures["elbo"])


def evaluate_model(
    model: Model,
    data: DataModule,
    folder: Path,
    *,
    split: str,
    num_samples: int,
    max_rows: int = 4096,
    max_examples: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a model on a split; write ``metrics.json`` and pictures to a folder."""
    device = next(model.parameters()).device
    batches = data.batches(split, device=device, n=max_examples)
    with Progress(console=Console(), transient=True) as bar:
        task = bar.add_task(f"{split}: {num_samples} samples", total=len(batches.examples))
        figures = evaluate(
            model,
            batches,
            data.spec,
            num_samples=num_samples,
            max_rows=max_rows,
            seed=seed,
            on_batch=lambda count: bar.advance(task, count),
        )
    figures = {"split": split, "data": data.describe(), **figures}
    draw(model, data, folder / "pictures", split, figures["kl_per_dim"])
    (folder / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def draw(
    model: Model, data: DataModule, folder: Path, split: str, per_dim: list[float] | None
) -> None:
    """Write reconstructions, samples, traversals and interpolations as PNG files."""
    device = next(model.parameters()).device
    x = data.examples(split, 2 * COLUMNS).x.to(device)
    dims = most_used(model, x, None if per_dim is None else torch.tensor(per_dim), COLUMNS)
    half = len(x) // 2
    pictures = {
        "reconstructions": reconstructions(model, x[:COLUMNS]),
        "samples": samples(model, COLUMNS, COLUMNS),
        "traversals": traversals(model, x[0], dims),
        "interpolations": interpolations(model, x[:half], x[half : 2 * half]),
    }
    for name, rows in pictures.items():
        save_picture(folder / f"{name}.png", render(rows))


def find_checkpoint(path: str, name: str) -> Path:
    """Return a checkpoint given itself or the folder of its run.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = Path(path).expanduser()
    if found.is_dir():
        found = found / "checkpoints" / f"{name}.ckpt"
    if not found.is_file():
        raise FileNotFoundError(f"no checkpoint at {found}; give a .ckpt file or a run folder")
    return found


def beside(checkpoint: Path) -> Path:
    """Return the folder of the results: ``eval`` in the run's folder."""
    parent = checkpoint.parent
    return (parent.parent if parent.name == "checkpoints" else parent) / "eval"


def replaced(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data settings of a run with some replaced.

    Raises:
        ValueError: If the run's data has no such setting.
    """
    result = {**data, "source": dict(data["source"])}
    for key, value in changes.items():
        if value is None:
            continue
        if key not in data:
            raise ValueError(f"data.{key} is not a setting of this run; it has {', '.join(data)}")
        result[key] = value
        if key in result["source"]:  # the source's copy was resolved when the run began
            result["source"][key] = value
    return result


def pick_device(name: str) -> str:
    """Return the device a name means.

    Raises:
        ValueError: If it is not known, or CUDA is asked for and absent.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda; got {name}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda was asked for, but torch sees no CUDA device. Use device=cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
