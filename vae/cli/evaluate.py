"""``eval.py``: figures and pictures from a checkpoint alone."""

__all__ = ["report_on", "run"]

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import Progress

from vae.build import build_data, rebuild
from vae.cli.checks import check_data_shape, check_evaluation
from vae.cli.environment import prepare_process
from vae.cli.summary import show_report
from vae.data import DataModule
from vae.evaluation import Evaluation, Report, Subject, measure
from vae.instantiate import instantiate
from vae.models import Model
from vae.reports import write_files
from vae.saved import Saved, read_saved


def run(config: DictConfig) -> float:
    """Evaluate a checkpoint, write figures and pictures, and return the ELBO."""
    settings: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    check_evaluation(settings)
    prepare_process(settings["threads"])
    evaluations = instantiate(settings["report"], "report")
    saved = read_saved(find_checkpoint(settings["checkpoint"]))
    data = saved_data(saved, settings["data"])
    folder = Path(settings["output"]) if settings["output"] else beside(saved.path)
    model = rebuild(saved).to(pick_device(settings["device"])).eval()
    report = report_on(
        model,
        data,
        evaluations,
        folder,
        split=settings["split"],
        max_examples=settings["max_examples"],
        max_rows=settings["max_rows"],
        seed=settings["seed"],
    )
    console = Console()
    show_report(console, report, title=str(saved.path))
    console.print(f"written to {folder}", soft_wrap=True, highlight=False)
    return headline(report)


def saved_data(saved: Saved, changes: Mapping[str, Any]) -> DataModule:
    """Build the data that a saved model was trained on, with some settings replaced.

    Raises:
        ValueError: If the file does not say what they are, or they have another shape.
    """
    if "data" not in saved.config:
        raise ValueError(f"{saved.path} does not say which data to use: evaluate the checkpoint")
    data = build_data({"data": replaced(saved.config["data"], changes)})
    check_data_shape(saved.spec.shape, data.spec.shape)
    return data


def report_on(
    model: Model,
    data: DataModule,
    evaluations: Mapping[str, Evaluation],
    folder: Path,
    **settings: Any,
) -> Report:
    """Make the evaluations of a model, with progress bars, and write them to a folder.

    Args:
        model: In evaluation mode.
        data: Its data.
        evaluations: By name.
        folder: Of the results.
        settings: Of the `Subject`.
    """
    with Progress(console=Console(), transient=True) as bar:

        def track(items: Iterable[Any], what: str, total: int) -> Iterable[Any]:
            return bar.track(items, total=total, description=what)

        report = measure(Subject(model, data, track=track, **settings), evaluations)
    write_files(report, folder)
    return report


def headline(report: Report) -> float:
    """Return the ELBO, or not a number where it was not measured."""
    section = report.sections.get("bound")
    value = section.figures["elbo"].value if section else None
    return float("nan") if value is None else float(value)


def find_checkpoint(path: str) -> Path:
    """Return a checkpoint given itself or the folder of its run.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = Path(path).expanduser()
    if found.is_dir():
        found = found / "checkpoints" / "best.ckpt"
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
