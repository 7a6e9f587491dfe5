"""Files that hold a model, read without running code from them: checkpoints and exports."""

__all__ = [
    "CONFIG",
    "FORMAT",
    "STATES",
    "WEIGHTS",
    "Saved",
    "all_finite",
    "read_checkpoint",
    "read_config",
    "read_saved",
]

import hashlib
import json
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vae.batch import DTYPES
from vae.files import check_whole
from vae.history import Point, points_of
from vae.instantiate import NAMES, todays
from vae.limits import check_archive, check_plain
from vae.spec import DataSpec

FORMAT = 1  # of an export
CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_CONFIG_BYTES = 4_000_000
PREFIX = "model."  # of the model's weights among those of a training module
STATES = ("state_dict", "current_model_state")  # of a checkpoint; the second beside averages


class Saved(NamedTuple):
    """A model as a file holds it.

    Attributes:
        path: The file with the weights.
        config: The settings of its parts, plain values.
        spec: What it was trained on.
        state: Its weights and buffers.
        step: The optimizer step they are of, where the file says it.
        data: What tells the data that it was trained on from others; see `DataModule.changes`.
        history: The validations before that step, where the file has them.
    """

    path: Path
    config: dict[str, Any]
    spec: DataSpec
    state: dict[str, Tensor]
    step: int = 0
    data: Any = None
    history: tuple[Point, ...] = ()


def read_saved(path: str | Path) -> Saved:
    """Read a checkpoint, the best one of a run folder, or an export.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or was not written by this framework.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"expected the path of a run, a checkpoint or an export; got {path!r}")
    path = Path(path).expanduser()
    if path.is_dir():
        return read_export(path) if (path / CONFIG).is_file() else read_best(path)
    if path.name == WEIGHTS:
        return read_export(path.parent)
    checkpoint = read_checkpoint(path)
    hparams, weights = checkpoint["hyper_parameters"], checkpoint["state_dict"]
    state = {k[len(PREFIX) :]: v for k, v in weights.items() if str(k).startswith(PREFIX)}
    spec, step = read_spec(hparams["spec"], path), checkpoint.get("global_step")
    step, data = step if isinstance(step, int) else 0, checkpoint.get("DataModule")
    return Saved(path, hparams["config"], spec, state, step, data, points_of(checkpoint))


def read_best(folder: Path) -> Saved:
    """Read the best checkpoint of a run folder."""
    path = folder / "checkpoints" / "best.ckpt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds neither {CONFIG} nor checkpoints/best.ckpt: name the folder of a run, "
            "a checkpoint or an export"
        )
    return read_saved(path)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint without running code from it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a whole checkpoint of this framework.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        check_archive(path)
        check_whole(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile, LookupError) as error:
        raise ValueError(f"{path} is damaged, or not a checkpoint that is safe to read") from error
    if not is_ours(checkpoint):
        raise ValueError(f"{path} is not a checkpoint of this framework: it holds no config")
    check_plain(checkpoint["hyper_parameters"], path)
    check_groups(checkpoint["hyper_parameters"]["config"], path)
    checkpoint["hyper_parameters"]["config"] = todays(checkpoint["hyper_parameters"]["config"])
    for name in STATES:
        check_finite(checkpoint.get(name, {}), path)
    return dict(checkpoint)


def is_ours(checkpoint: Any) -> bool:
    """Say whether a file's content has the form of a checkpoint of this framework."""
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        return False
    hparams = checkpoint.get("hyper_parameters")
    keys = ("config", "spec")
    return isinstance(hparams, dict) and all(isinstance(hparams.get(key), dict) for key in keys)


def check_groups(config: dict[str, Any], path: Path) -> None:
    """Refuse a config in which a group is not a dict of settings.

    Raises:
        ValueError: Naming the group and what stands there.
    """
    nodes = {group: config[group] for group in NAMES if config.get(group) is not None}
    if isinstance(nodes.get("data"), dict):
        nodes["data.source"] = nodes["data"].get("source")
    for name, node in nodes.items():
        if not isinstance(node, dict):
            raise ValueError(f"{path} is damaged: {name} must hold settings; got {node!r:.40}")


def check_finite(weights: dict[str, Tensor], path: Path) -> None:
    """Refuse weights and buffers that are of no use.

    Raises:
        ValueError: Naming the first that is NaN or infinite.
    """
    for name, weight in weights.items():
        if not isinstance(weight, Tensor):
            raise ValueError(f"{path} is damaged: {name} is no weight but {weight!r:.40}")
        if not all_finite(weight):
            raise ValueError(
                f"{path} holds the weight {name} with values that are NaN or infinite: it is of no "
                "use. Take another checkpoint of the run"
            )


def all_finite(values: Tensor) -> bool:
    """Say whether all values are finite: so is their sum then, which is cheap, or it overflows."""
    return bool(values.sum().isfinite() or values.isfinite().all())


def read_export(folder: Path) -> Saved:
    """Read the two files of an export.

    Raises:
        FileNotFoundError: If one of them is missing.
        ValueError: If one is damaged, or they do not belong together.
    """
    config, path = read_config(folder / CONFIG), folder / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != config["sha256"]:
        raise ValueError(f"{path} is damaged, or belongs to another {CONFIG}: export it again")
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged, or not a safetensors file ({error})") from error
    check_finite(state, path)
    return Saved(path, config["config"], read_spec(config["spec"], path), state)


def read_config(path: Path) -> dict[str, Any]:
    """Read the config of an export.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is too large, or not the config of an export that this version reads.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no config at {path}")
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"{path} is larger than {MAX_CONFIG_BYTES // 10**6} MB: not read")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {type(error).__name__}") from error
    check_plain(config, path)
    if not isinstance(config, dict) or not {"format", "sha256"} <= config.keys():
        raise ValueError(f"{path} is not the config of an export of this framework")
    if config["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {config['format']}, this version reads {FORMAT}: "
            f"it was written by version {config.get('version')} of the framework"
        )
    if not all(isinstance(config.get(key), dict) for key in ("config", "spec")):
        raise ValueError(f"{path} does not describe a model")
    return config


def read_spec(values: dict[str, Any], path: Path) -> DataSpec:
    """Return the data's spec; JSON has made lists of its tuples."""
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        spec = DataSpec(**{**values, "fields": read_fields(values.get("fields", {}))})
    except TypeError as error:
        raise ValueError(f"{path} does not say what data its model is for: {error}") from error
    if not is_shape(spec.shape):
        raise ValueError(f"{path} is damaged: its data have the shape {spec.shape!r:.40}")
    return spec


def read_fields(values: Any) -> dict[str, dict[str, Any]]:
    """Return the further fields of a spec.

    Raises:
        TypeError: If they are none.
    """
    try:
        fields = {
            str(name): {**kind, "shape": tuple(kind["shape"])} for name, kind in values.items()
        }
    except (AttributeError, LookupError) as error:
        raise TypeError(f"fields {values!r:.40}") from error
    for kind in fields.values():
        if (
            set(kind) != {"shape", "dtype"}
            or not is_shape(kind["shape"])
            or kind["dtype"] not in DTYPES
        ):
            raise TypeError(f"a field {kind!r:.40}")
    return fields


def is_shape(found: Any) -> bool:
    """Say whether something is a tuple of sizes."""
    return isinstance(found, tuple) and all(isinstance(size, int) for size in found)
