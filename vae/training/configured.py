"""What a config says of a `VAEModule`."""

__all__ = ["parts_of", "restored", "settings_of"]

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vae.build import build_model, build_objective, check_described, read_checkpoint
from vae.instantiate import TRAINED, instantiate
from vae.models import Model
from vae.objectives import Objective
from vae.plugins import trusted
from vae.spec import DataSpec
from vae.training.fitted_prior import hold_all_but_prior

M = TypeVar("M", bound=Any)


def parts_of(config: Mapping[str, Any], spec: DataSpec) -> tuple[Model, Objective]:
    """Return the model and the objective that a config describes.

    Raises:
        ValueError: If a setting is wrong, or parts do not fit together.
    """
    model = build_model(config, spec)
    objective = build_objective(config, model, spec)
    if config.get("stage") == "prior":
        hold_all_but_prior(model)
    return model, objective


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the other arguments of the module.

    Raises:
        ValueError: If a setting of optimizer or scheduler is wrong.
    """
    return {
        "optimizer": instantiate(config["optimizer"], "optimizer"),
        "scheduler": instantiate(config.get("scheduler") or None, "scheduler"),
        "gradient_clip": config.get("gradient_clip"),
        "gradient_skip": config.get("gradient_skip"),
        "accumulate": config.get("accumulate", 1),
        "skip_limit": config.get("skip_limit", 10),
        "seed": config["seed"],
    }


def restored(
    kind: type[M], path: str | Path, map_location: Any, plugins: Sequence[str], *, strict: bool
) -> M:
    """Return the module of a run, with the weights of its checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a whole checkpoint of this framework, or as of `vae.load`.
    """
    checkpoint = read_checkpoint(path)
    hparams = checkpoint["hyper_parameters"]
    check_described(hparams["config"], Path(path))
    with trusted(plugins, hparams["config"], TRAINED, Path(path)):
        module = kind.from_config(hparams["config"], DataSpec(**hparams["spec"]))
    module.load_state_dict(checkpoint["state_dict"], strict=strict)
    return module.to(map_location) if map_location is not None else module
