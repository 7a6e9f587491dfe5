"""The figure that picks the best weights: the settings' own, or else the objective's."""

__all__ = ["check_monitor", "settle_monitor"]

from collections.abc import Iterable, Mapping
from typing import Any

from vae.objectives import Objective


def settle_monitor(settings: Mapping[str, Any], objective: Objective) -> dict[str, Any]:
    """Return the settings with the objective's figure wherever none is named.

    A minus sign says the lower, the better; callbacks of Lightning are told so by their ``mode``.
    """
    monitor = settings["monitor"] or objective.monitor
    callbacks = {}
    for name, node in (settings.get("callbacks") or {}).items():
        if "monitor" in node:
            node = {**node, "monitor": str(node["monitor"] or monitor)}
            if "mode" in node and node["monitor"].startswith("-"):
                node |= {"monitor": node["monitor"][1:], "mode": "min"}
        callbacks[name] = node
    return {**settings, "monitor": monitor, "callbacks": callbacks}


def check_monitor(settings: Mapping[str, Any], terms: Iterable[str]) -> None:
    """Refuse a figure to watch that no validation gives.

    Raises:
        ValueError: Naming the figures that there are.
    """
    names = ["elbo", "loss", "log_likelihood", "kl", *terms]
    known = [f"val/{name}" for name in names]
    watched = {"monitor": settings["monitor"]}
    for name, node in settings["callbacks"].items():
        if "monitor" in node:
            watched[f"callbacks.{name}.monitor"] = node["monitor"]
    for name, monitor in watched.items():
        if monitor.removeprefix("-") not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {monitor!r}")
