"""M1 of M1+M2: the settings of another run's model in place of its path, and then its weights."""

__all__ = ["load_m1", "with_m1"]

from collections.abc import Mapping
from typing import Any

from vae.build import filled
from vae.cli.resuming import Resumed
from vae.instantiate import MODEL
from vae.models import M2, Model
from vae.plugins import check_named
from vae.saved import Saved, read_saved
from vae.spec import DataSpec

GROUPS = ("model", "posterior", "prior", "likelihood")


def with_m1(
    settings: dict[str, Any], resumed: Resumed | None
) -> tuple[dict[str, Any], Saved | None]:
    """Return the settings with those of M1 where its path was, and what its file holds.

    A checkpoint of both is whole by itself: of a run that goes on, M1 is what that one holds.

    Raises:
        FileNotFoundError: If there is no such run, checkpoint or export.
        ValueError: If it is damaged, or does not say how its model is made.
    """
    path = settings["model"].get("m1")
    if not isinstance(path, str):
        return settings, None
    if resumed is not None:
        return {
            **settings,
            "model": {**settings["model"], "m1": resumed.config["model"]["m1"]},
        }, None
    try:
        saved = read_saved(path)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"model.m1: {error}") from error
    check_named(saved.config, MODEL, saved.path)
    if missing := [name for name in GROUPS if not isinstance(saved.config.get(name), Mapping)]:
        raise ValueError(f"model.m1: {saved.path} does not say its {', '.join(missing)}")
    own = {name: saved.config[name] for name in GROUPS}
    return {**settings, "model": {**settings["model"], "m1": own}}, saved


def load_m1(model: Model, saved: Saved | None, spec: DataSpec) -> None:
    """Give M1 within a model the weights of its file.

    Raises:
        ValueError: If these are of another model than its settings describe.
    """
    if saved is None or not isinstance(model, M2) or model.m1 is None:
        return
    if saved.spec.standardized != spec.standardized:
        raise ValueError(
            f"model.m1: {saved.path} was trained with data.standardize="
            f"{str(saved.spec.standardized).lower()}: use the same here"
        )
    filled(model.m1, saved)
