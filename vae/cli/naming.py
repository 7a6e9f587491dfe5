"""What a run is called, unless ``name=`` says it."""

__all__ = ["PLACE_OF_OWN_DATA", "register_run_name", "run_name"]

import re
import unicodedata
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

PLACE_OF_OWN_DATA = {  # choice: its setting
    "array": "path",
    "images": "root",
    "sequences": "path",
    "shards": "root",
    "table": "path",
}
LONGEST_NAME = 40
DATE = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"  # what the folder of a run is called
ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".tab", ".txt", ".mat", ".jsonl")


def run_name(data: str, model: str, *, _root_: DictConfig) -> str:
    """Return the name of a run: that of its data and its net.

    Args:
        data: The choice of ``data``; of the user's own data the name is that of their file or
            folder, and of a prior that is fitted that of the model's run.
        model: The choice of ``model``.
        _root_: All settings, of which a ``name`` that was given is returned as it is.
    """
    # Asked first: to look whether there is a name would resolve it, which would ask here again.
    given = None if OmegaConf.is_interpolation(_root_, "name") else _root_.get("name")
    if given is not None:
        return str(given)
    if _root_.get("stage") is not None and isinstance(_root_.get("checkpoint"), str):
        return name_of(Path(_root_.checkpoint).expanduser())
    node = _root_.get("data")
    place = node.get(PLACE_OF_OWN_DATA.get(data, "")) if isinstance(node, DictConfig) else None
    return f"{(place and safe(place)) or data}-{model}"


def name_of(checkpoint: Path) -> str:
    """Return the name of the run that a checkpoint, its folder or an export is of.

    Example:
        >>> name_of(Path("outputs/mnist-mlp/2026-01-31_09-30-00/checkpoints/best.ckpt"))
        'mnist-mlp'
        >>> name_of(Path("runs/first")), name_of(Path("alone.ckpt"))
        ('first', 'alone')
    """
    path = checkpoint.absolute()
    if path.suffix == ".ckpt" and path.parent.name == "checkpoints":
        path = path.parents[1]
    if re.match(DATE, path.name):
        path = path.parent
    return safe(path.with_suffix("") if path.suffix == ".ckpt" else path) or "prior"


def safe(place: Any) -> str:
    """Return the last part of a path in letters that need no quotes anywhere.

    Example:
        >>> safe("~/März 2024/Spektren (roh).npy"), safe("/data/my.photos/"), safe("…/数据")
        ('Spektren_roh', 'my.photos', '')
    """
    path = Path(str(place)).expanduser().absolute()
    name = path.stem if path.suffix.lower() in ENDINGS else path.name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.-]+", "_", plain)[:LONGEST_NAME].strip("._-")


def register_run_name() -> None:
    """Let settings say ``${run_name:data,model}``."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
