"""A trained model as two files that are safe to give to others: weights and config."""

__all__ = ["export"]

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

import vae
from vae.build import filled, rebuild
from vae.files import replace_durably
from vae.instantiate import MODEL
from vae.models import Model
from vae.older import lacks_statistics
from vae.plugins import named_by
from vae.saved import CONFIG, FORMAT, WEIGHTS, read_config, read_saved


def export(
    run: str | Path,
    folder: str | Path,
    *,
    model: Model | None = None,
    plugins: Sequence[str] = (),
) -> Path:
    """Write the model of a run as ``model.safetensors`` and ``config.json``, for `vae.load`.

    An earlier export in the folder is replaced. A process that is killed in between leaves files
    that `vae.load` refuses, since the config holds a checksum of the weights.

    Args:
        run: A run folder, of which the best checkpoint is taken, or a checkpoint.
        folder: Where to write; made if it is missing.
        model: Given again where it was put together in Python; see `vae.load`.
        plugins: Packages from outside of which the model's parts may be; see `vae.load`. The export
            names them, and whoever loads it must, too.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If it holds no model, or one in z-scores of an older version, or the folder
            holds something else than an export.
    """
    folder = Path(folder).expanduser()
    check_folder(folder)
    saved = read_saved(run)
    if lacks_statistics(saved.config, saved.spec):
        raise ValueError(
            f"{saved.path} was trained on standardised data by an older version, which kept their "
            "mean and width nowhere, so that an export would speak z-scores: go on with the run by "
            "resume=, which takes them from the data, and export that"
        )
    model = rebuild(saved, plugins) if model is None else filled(model, saved)
    # Copies: two names of one tensor are stored twice, and strides do not matter.
    plain = torch.contiguous_format
    weights = save({k: v.clone(memory_format=plain) for k, v in model.state_dict().items()})
    config = {
        "format": FORMAT,
        "version": vae.__version__,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "config": config_of(saved.config),
        "spec": asdict(saved.spec),
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config, indent=2) + "\n"
    replace_durably(
        {
            folder / CONFIG: lambda file: file.write(text.encode()),
            folder / WEIGHTS: lambda file: file.write(weights),
        }
    )
    return folder


def config_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return what describes the model in a run's config: its groups, and the plugins they name."""
    kept = {group: config[group] for group in MODEL if group in config}
    plugins = named_by(config, MODEL)
    return {**kept, "plugins": plugins} if plugins else kept


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than an export.

    Raises:
        ValueError: If it does, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: export needs a folder")
    try:
        if folder.is_dir() and any(folder.iterdir()):
            read_config(folder / CONFIG)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"{folder} is not empty and holds no export of this framework: give a new folder"
        ) from error
