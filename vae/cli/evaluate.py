"""``eval.py``: a report from a checkpoint alone, or a comparison of several."""

__all__ = ["run"]

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from vae.build import build_data, rebuild
from vae.cli.checkpoint_paths import find_checkpoints, named, run_folder
from vae.cli.display import show_comparison, show_report
from vae.cli.environment import prepare_process
from vae.cli.evaluations import build_evaluations
from vae.cli.loaded import read_only
from vae.cli.messages import SWAPPED
from vae.cli.reporting import headline, make_report, write_report
from vae.cli.settings_checks import check_data_shape, check_evaluation
from vae.data import DataModule
from vae.evaluation import Evaluation, Run, Subject, compare
from vae.files import check_links
from vae.instantiate import MODEL
from vae.older import completed
from vae.plugins import allowed, check_named, plugins_of
from vae.saved import Saved, read_saved
from vae.terminal import console, say
from vae.training.event_log import EventWriter

NUM_CODES = 2000  # examples on whose codes several runs may agree


def run(config: DictConfig) -> float:
    """Evaluate checkpoints, write their reports, compare several, and return the (mean) ELBO."""
    settings: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    check_evaluation(settings)
    prepare_process(settings["threads"])
    # Installed packages count for what is typed here alone, not for what the checkpoints say.
    with allowed(plugins_of(settings, ["report"])):
        evaluations = build_evaluations(settings["report"], seed=settings["seed"])
    with allowed(settings["plugins"]):
        return evaluate_all(settings, evaluations)


def evaluate_all(settings: Mapping[str, Any], evaluations: Mapping[str, Evaluation]) -> float:
    """Evaluate every checkpoint, and compare several."""
    paths = find_checkpoints(settings["checkpoint"])
    names, top = named(paths)
    shown, output = console(), settings["output"] and Path(settings["output"])
    for folder in [output] if output else map(run_folder, paths):
        check_links(folder)
    runs = []
    for path, name in zip(paths, names, strict=True):
        own = output / name if output and len(paths) > 1 else output
        folder = own or run_folder(path) / "eval"
        runs.append(evaluate_saved(read_saved(path), name, settings, evaluations, folder))
        show_report(shown, runs[-1].report, folder, figures=len(paths) == 1)
    if len(runs) > 1:
        folder, comparison = output or top / "comparison", compare(runs)
        check_links(folder)
        write_report(comparison, folder, None)
        show_comparison(shown, comparison, folder)
    return mean(headline(run.report) for run in runs)


def evaluate_saved(
    saved: Saved,
    name: str,
    settings: Mapping[str, Any],
    evaluations: Mapping[str, Evaluation],
    folder: Path,
) -> Run:
    """Evaluate one checkpoint on the data it was trained on and write its report."""
    data = saved_data(saved, settings["data"])
    saved = completed(saved, data)
    if told := data.changes(saved.data):
        data.note("not the training data", told)
        say(f"{name}: these are not the data that the model was trained on: {told}")
    model = rebuild(saved).to(pick_device(settings["device"])).eval()
    chosen = {name: settings[name] for name in ("split", "max_examples", "max_rows", "seed")}
    subject = Subject(model, data, **chosen)
    report = make_report(subject, saved, evaluations)
    with EventWriter(str(folder)) as writer:
        write_report(report, folder, writer, step=saved.step)
    return Run(name, saved.config, report, subject.codes(NUM_CODES).z)


def saved_data(saved: Saved, changes: Mapping[str, Any]) -> DataModule:
    """Build the data that a saved model was trained on, with some settings replaced.

    Raises:
        FileNotFoundError: If they are not where they were.
        ValueError: If the file does not say what they are, or they have another shape.
    """
    if "data" not in saved.config:
        raise ValueError(f"{saved.path} does not say which data to use: evaluate the checkpoint")
    check_named(saved.config, (*MODEL, "data"), saved.path)
    settings = replaced(saved.config["data"], changes)
    try:
        data = build_data({"data": settings})
    except FileNotFoundError as error:
        named = (key for key in ("labels", "factors") if f"set data.{key} " in str(error))
        name = next(named, "path" if "path" in settings else "root")
        raise FileNotFoundError(
            f"{error} If the data of {saved.path} lie elsewhere here: +data.{name}=<where>"
        ) from error
    check_data_shape(saved.spec.shape, data.spec.shape)
    return data


def replaced(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data settings of a run with some replaced.

    Raises:
        ValueError: If the run's data has no such setting.
    """
    result = read_only({**data, "source": read_only(data["source"], changes)}, changes)
    for key, value in changes.items():
        if key not in data:
            other = SWAPPED.get(f"data.{key}", "").removeprefix("data.")
            hint = f"did you mean +data.{other}?" if other in data else f"it has {', '.join(data)}"
            raise ValueError(f"data.{key} is not a setting of this run; {hint}")
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
