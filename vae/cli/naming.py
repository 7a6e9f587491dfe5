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
    "shards": "root",
    "table": "path",
}
LONGEST_NAME = 40
ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".tab", ".txt")


def run_name(data: str, model: str, *, _root_: DictConfig) -> str:
    """Return the name of a run: that of its data and its net.

    Args:
        data: The choice of ``data``; of the user's own data the name is that of their file or
            folder.
        model: The choice of ``model``.
        _root_: All settings, of which a ``name`` that was given is returned as it is.
    """
    # Asked first: to look whether there is a name would resolve it, which would ask here again.
    given = None if OmegaConf.is_interpolation(_root_, "name") else _root_.get("name")
    if given is not None:
        return str(given)
    node = _root_.get("data")
    place = node.get(PLACE_OF_OWN_DATA.get(data, "")) if isinstance(node, DictConfig) else None
    return f"{(place and safe(place)) or data}-{model}"


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
