"""From Python, with the settings of the command line: a module, a trained model, a report."""

__all__ = ["fit_vae", "make_module", "report"]

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vae.build import check_parts, load
from vae.cli.arguments import check_arguments
from vae.cli.as_it_was import FITTING, hydra_as_it_was, process_of_a_run
from vae.cli.batch_limits import settle_batches
from vae.cli.compose import compose_settings
from vae.cli.evaluations import build_evaluations
from vae.cli.finishing import outcome_of
from vae.cli.messages import explain
from vae.cli.preparing import made, sized
from vae.cli.settings_checks import check_settings
from vae.cli.train import fit_rate, prepare_model
from vae.data import DataModule, Memory
from vae.data.batch_names import Names, fields_of
from vae.data.memory import Part
from vae.evaluation import Report, Subject, measure
from vae.instantiate import NAMES
from vae.models import Model
from vae.plugins import allowed, plugins_of
from vae.reports import write_files, write_page
from vae.spec import DataSpec
from vae.training import VAEModule

ARRAYS = (np.ndarray, torch.Tensor)  # entries of a batch
ELSEWHERE = {  # settings of the command line that have another place in Python
    "data": "the data are given as arrays",
    "data.path": "the data are given as arrays",
    "hydra": "folder= names the folder of the run",
    "init": "load the weights into a model, vae.load(path), and train that by VAEModule",
    "lr_find": "vae.training.range_test.find_rate looks for a rate",
    "report": "vae.report writes one",
    **dict.fromkeys(("stage", "checkpoint"), "python train.py fits a prior to a checkpoint"),
    "seeds": "fit once for each seed=",
    "resume": "Trainer.fit(module, ckpt_path=...) goes on with a run",
}
HELD = "data.path=memory"  # stands where the path of a file would


def make_module(
    *settings: str, like: DataSpec | DataModule | Part, fields: Names = None
) -> VAEModule:
    """Build a `VAEModule` from settings of the command line, for any Trainer and any loader.

    Its checkpoints say how it is made: `vae.load` needs nothing but the file.

    Args:
        settings: As they are typed after ``train.py``: ``"model=mlp"``, ``"objective.beta=4"``.
            Those of data and Trainer have no effect.
        like: What the data are like: a batch ``(B, ...)``, as a loader gives it, a `DataModule` or
            a `DataSpec`.
        fields: Which entry of a loader's batch is which field; see `VAEModule`.

    Raises:
        ValueError: If a setting is wrong, or parts do not fit together.

    Example:
        >>> module = make_module("model=mlp", "model.latent_dim=3", like=torch.zeros(2, 5))
        >>> module.model.sample(4).shape
        torch.Size([4, 5])
    """
    spec = spec_of(like, fields)
    config = composed(settings, spec, folder=".")
    with torch.random.fork_rng(devices=[]), allowed(config["plugins"]):
        check_settings(config)
        torch.manual_seed(config["seed"])
        module = VAEModule.from_config(without_data(config), spec)
        check_parts(module.model, module.objective, spec)
    module.user_data.names = fields
    return module


def fit_vae(
    x: DataModule | Part,
    *settings: str,
    val: Part | None = None,
    test: Part | None = None,
    support: str | None = None,
    folder: str | Path | None = None,
    quiet: bool = False,
) -> Model:
    """Train a VAE on arrays in memory, and return the best one by validation.

    Threads of one process train one after the other.

    Args:
        x: Examples, ``(N, D)``, ``(N, C, L)`` or ``(N, C, H, W)``, or fields by name; see `Memory`.
        settings: As they are typed after ``train.py``, such as ``"model.latent_dim=2"``,
            ``"objective.beta=4"``, ``"trainer.max_epochs=20"``, ``"data.val_size=0.2"``. Without
            them a dense net learns vectors, which it sees standardised, and a convolutional net
            pictures and signals; a Bernoulli likelihood learns bits.
        val: A validation part; ``None`` takes a tenth of x.
        test: A test part, which training does not touch.
        support: Where the values lie; see `Memory`.
        folder: Of the run: checkpoints, events and pictures; ``None`` keeps no file. It must hold
            no other run.
        quiet: Whether nothing is printed.

    Returns:
        The model, in evaluation mode, on the CPU.

    Raises:
        ValueError: If a setting is wrong or does not suit the data.

    Example:
        >>> x = torch.randn(100, 4) @ torch.randn(4, 6)
        >>> model = fit_vae(x, "model.latent_dim=2", "trainer.max_epochs=2", quiet=True)
        >>> model.embed(x).shape
        torch.Size([100, 2])
    """
    apart = {"val": val, "test": test, "support": support}
    if isinstance(x, DataModule) and (also := [k for k, v in apart.items() if v is not None]):
        raise ValueError(f"a DataModule has parts and support of its own; got {', '.join(also)}")
    with ExitStack() as stack:
        stack.enter_context(FITTING)
        place = folder or stack.enter_context(tempfile.TemporaryDirectory())
        place = Path(place).expanduser().absolute()
        if any(place.glob("checkpoints/*.ckpt")):
            raise ValueError(f"{place} holds the checkpoints of a run: give another folder")
        given = x if isinstance(x, DataModule) else Memory(x, val=val, test=test, support=support)
        config, _ = settle_batches(composed(settings, given.spec, folder=place))
        data = (
            given
            if isinstance(given, DataModule)
            else DataModule(given, **settings_of_data(config["data"]))
        )
        callbacks = config.get("callbacks") or {}
        if quiet:
            callbacks.pop("progress", None)
        if folder is None:
            config["logger"] = {}
            callbacks.pop("pictures", None)
        stack.enter_context(process_of_a_run(config["threads"], quiet=quiet))
        stack.enter_context(allowed(config["plugins"]))
        return fitted(config, data, place)


def fitted(config: dict[str, Any], data: DataModule, folder: Path) -> Model:
    """Train as ``train.py`` does, and return the best model."""
    check_settings(config)
    config, module, trainer = made(config, data, folder)
    config = sized(config, {}, module, data, trainer)
    fit_rate(module, config, trainer.world_size)
    prepare_model(module, data, config)
    module.hparams["config"] = without_data(config)
    trainer.fit(module, datamodule=data)
    path = outcome_of(trainer).path
    return module.model.cpu().eval() if path is None else load(path, plugins=config["plugins"])


def report(
    model: Model, data: DataModule, folder: str | Path, *parts: str, **settings: Any
) -> Report:
    """Evaluate a model and write ``report.html``, ``metrics.json`` and the pictures.

    Args:
        model: Any, also one that was put together in Python.
        data: What it is judged on; `vae.data.collect` makes it of loaders.
        folder: Where the files go.
        parts: As in ``report=[bound,gallery]`` of ``eval.py``; ``basic`` without any.
        settings: Further arguments of `Subject`, such as ``split="val"`` or ``max_examples=500``.

    Raises:
        ValueError: If there is no such part.
    """
    if wrong := [part for part in parts if not isinstance(part, str)]:
        raise ValueError(f"parts of a report are given by name, one by one; got {wrong[0]!r}")
    words = ["checkpoint=none", f"report=[{','.join(parts or ('basic',))}]"]
    config = settings_of_words(words, folder, "eval")
    evaluations = build_evaluations(config["report"], seed=config["seed"])
    training = model.training
    try:
        found = measure(Subject(model.eval(), data, **settings), evaluations)
    finally:
        model.train(training)
    found = replace(found, title=f"{data.spec.name} · {type(model).__name__}")
    folder = Path(folder)
    write_page(found, write_files(found, folder), folder / "report.html")
    return found


def spec_of(like: DataSpec | DataModule | Part, fields: Names) -> DataSpec:
    """Return what examples are like."""
    if isinstance(like, DataSpec | DataModule):
        return like if isinstance(like, DataSpec) else like.spec
    several = isinstance(like, tuple | list) and all(isinstance(x, ARRAYS) for x in like)
    return Memory(fields_of(like, fields) if several or isinstance(like, Mapping) else like).spec


def composed(settings: Sequence[str], spec: DataSpec, *, folder: str | Path) -> dict[str, Any]:
    """Return the settings of a run on data in memory, with what suits them where nothing is said.

    Raises:
        ValueError: If there is no such setting.
    """
    if wrong := [word for word in settings if not (isinstance(word, str) and word)]:
        raise ValueError(f"settings are texts such as 'model=mlp', one by one; got {wrong[0]!r}")
    said = {word.lstrip("+~").partition("=")[0] for word in settings}
    for name in sorted(said):
        known = name if name in ELSEWHERE else name.partition(".")[0]
        if known in ELSEWHERE and (known != "data" or name == known):
            raise ValueError(f"{name} is no setting here: {ELSEWHERE[known]}")
    suited = {
        "model": "mlp" if len(spec.shape) == 1 else "conv",
        "likelihood": "bernoulli" if spec.support == "boolean" else "normal_learned",
    }
    words = [f"{group}={choice}" for group, choice in suited.items() if group not in said]
    vectors = spec.support == "real" and len(spec.shape) == 1
    if vectors and "data.standardize" not in said:
        words.append("data.standardize=true")
    config = settings_of_words(["data=array", HELD, *words, *settings], folder, "train")
    return {**config, "plugins": plugins_of(config, NAMES)}


def settings_of_words(words: list[str], folder: str | Path, command: str) -> dict[str, Any]:
    """Return what words of a command line say, or say what is wrong with them."""
    with hydra_as_it_was():
        try:
            check_arguments(words, command)
            return compose_settings(words, folder=folder, command=command)
        except (HydraException, OmegaConfBaseException) as error:
            raise ValueError(explain(error, words, command)[0]) from error


def settings_of_data(config: dict[str, Any]) -> dict[str, Any]:
    """Return what the group ``data`` says of a `DataModule`."""
    known = signature(DataModule).parameters
    return {name: value for name, value in config.items() if name in known and name != "source"}


def without_data(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without those of data that only this process has."""
    return {name: value for name, value in config.items() if name != "data"}
