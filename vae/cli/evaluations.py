"""From the group ``report`` to evaluations, of which some compare with further data."""

__all__ = ["build_evaluations"]

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from vae.build import build_data
from vae.cli.messages import hint
from vae.cli.search_path import choices, read_choice
from vae.data import DataModule
from vae.evaluation import Evaluation
from vae.instantiate import instantiate

FURTHER = "other"  # the setting of an evaluation that is a data set


def build_evaluations(report: Mapping[str, Any], *, seed: int) -> dict[str, Evaluation]:
    """Build the evaluations of the resolved group ``report``, by name.

    A setting ``other`` is the name of a data set, or ``{name: …}`` with settings to replace. It
    is no Hydra group, since a choice of ``data`` also chooses the likelihood of the run.

    Args:
        report: The group.
        seed: Of the further data's noise.

    Raises:
        ValueError: If a name, a type or a value is wrong.
    """
    nodes = {}
    for name, node in report.items():
        nodes[name] = dict(node)
        if node.get(FURTHER) is not None:
            path = f"report.{name}.{FURTHER}"
            nodes[name][FURTHER] = further_data(node[FURTHER], path, seed)
    built: dict[str, Any] = instantiate(nodes, "report")
    for name, part in built.items():
        if not isinstance(part, Evaluation):
            raise ValueError(f"report.{name} must be an evaluation; got {type(part).__name__}")
    return built


def further_data(wanted: Any, path: str, seed: int) -> DataModule:
    """Build a data set of the group ``data``, with some settings replaced; nothing is read yet."""
    changes = dict(wanted) if isinstance(wanted, Mapping) else {"name": wanted}
    name, known = str(changes.pop("name", "")), choices("data")
    if name not in known:
        raise ValueError(
            f"{path} must be the name of a data set, or {{name: …}} with its settings; got "
            f"{wanted!r}{hint(name, known)}"
        )
    # Interpolations end where the settings of a run would stand.
    config = OmegaConf.create(
        {"seed": seed, "group_size": 1, "data": {**read_choice("data", name), **changes}}
    )
    settings: Any = OmegaConf.to_container(config, resolve=True)
    return build_data(settings)
