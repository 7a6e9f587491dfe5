"""``stage=prior``: a run of which the model is a checkpoint's, all but its prior."""

__all__ = ["check_codes", "check_stage", "settled_on_checkpoint", "start_from_held"]

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from torch import nn

from vae.build import check_described
from vae.cli.evaluate import replaced
from vae.cli.overrides import parsed
from vae.cli.settings_checks import check_data_shape
from vae.data import DataModule
from vae.instantiate import MODEL, resolve
from vae.models import Model
from vae.nested import leaves
from vae.older import completed
from vae.plugins import check_named
from vae.saved import Saved, read_saved
from vae.starting import start_prior

KEPT = tuple(group for group in MODEL if group != "prior")  # the checkpoint's
# Of the loss only the prior's term has a gradient, and that is the ELBO's.
FIXED = (*KEPT, "experiment", "objective", "estimator", "penalty", "penalties", "schedule", "init")


def check_stage(config: DictConfig, typed: Iterable[str]) -> bool:
    """Say whether a run fits a prior to a checkpoint, or refuse what does not go with that.

    Args:
        config: Of the run, as it was composed.
        typed: The arguments of the command line.

    Raises:
        ValueError: If one of ``stage`` and ``checkpoint`` is missing, or an argument is for a part
            that is the checkpoint's.
    """
    stage, checkpoint = config.get("stage"), config.get("checkpoint")
    if stage is None and checkpoint is not None:
        raise ValueError(
            f"checkpoint= is for stage=prior, which fits a prior to it: to go on with its run give "
            f"resume={checkpoint}, to start another from its weights init={checkpoint}"
        )
    if stage != "prior":  # of which the other settings' check has to say more
        return False
    if checkpoint is None:
        raise ValueError(
            "stage=prior fits a prior to a trained model: give checkpoint=<its run folder>"
        )
    if not isinstance(checkpoint, str):
        raise ValueError(f"checkpoint= is the path of one run; got {checkpoint}")
    for text in typed:
        override = parsed(text)
        if override is not None and override.key_or_group.partition(".")[0] in FIXED:
            raise ValueError(
                f"stage=prior fits the prior alone, by maximum likelihood, to the model of "
                f"checkpoint={checkpoint}: leave {text} out"
            )
    return True


def settled_on_checkpoint(config: DictConfig, typed: Iterable[str]) -> Path:
    """Put the model and the data of the checkpoint among the settings; return its path.

    Data that the user chose stay; so do single settings of them that the user gave.

    Raises:
        FileNotFoundError: If there is no checkpoint.
        ValueError: If it is damaged, or does not say what its model or its data are.
    """
    saved = read_saved(config["checkpoint"])
    check_described(saved.config, saved.path)
    nodes = {group: saved.config[group] for group in KEPT if group in saved.config}
    keys = {o.key_or_group for o in map(parsed, typed) if o is not None}
    if "data" not in keys:
        if "data" not in saved.config:
            raise ValueError(f"{saved.path} does not say which data to use: give data= as well")
        changes = {key[5:]: config.data[key[5:]] for key in keys if key.startswith("data.")}
        nodes["data"] = replaced(saved.config["data"], changes)
    for name, value in leaves(nodes):
        if isinstance(value, str) and "${" in value:  # may read the environment
            raise ValueError(f"{saved.path} is damaged: {name} is {value:.40}")
    with open_dict(config):
        for group, node in nodes.items():
            config[group] = OmegaConf.create(node)
    return Path(config["checkpoint"]).expanduser().absolute()


def check_codes(settings: Mapping[str, Any]) -> None:
    """Refuse a stage of a model that learns from labels: no prior is fitted to codes of x alone.

    Raises:
        ValueError: If it does.
    """
    model = resolve(settings["model"]["_target_"], "model")
    if issubclass(model, Model) and model.learns_from:
        raise ValueError(
            f"stage=prior fits the prior of a VAE to codes of x alone; {model.__name__} learns "
            f"from {', '.join(model.learns_from)}: give it the prior while it is trained"
        )


def start_from_held(model: Model, settings: dict[str, Any], data: DataModule) -> None:
    """Give a model the weights of the checkpoint, all but its prior's, which starts at the codes.

    Raises:
        FileNotFoundError: If there is no checkpoint.
        ValueError: If it is damaged, of other data, or its model is another or has no single
            latent variable.
    """
    saved = completed(read_saved(settings["checkpoint"]), data)
    check_named(saved.config, KEPT, saved.path)
    check_data_shape(saved.spec.shape, data.spec.shape)
    if saved.spec.standardized != data.spec.standardized:
        raise ValueError(
            f"checkpoint: {saved.path} was trained with data.standardize="
            f"{str(saved.spec.standardized).lower()}: use the same here"
        )
    load_held(model, saved)
    start_prior(model, data)


def load_held(model: nn.Module, saved: Saved) -> None:
    """Load all weights but the prior's.

    Raises:
        ValueError: If they are of another model.
    """
    held = {name: value for name, value in saved.state.items() if name.partition(".")[0] != "prior"}
    try:
        missing, unknown = model.load_state_dict(held, strict=False)
    except RuntimeError as error:  # of another shape
        raise ValueError(f"checkpoint: {saved.path} is of another model: {error}") from error
    wrong = [name for name in missing if name.partition(".")[0] != "prior"] + unknown
    if wrong:
        raise ValueError(f"checkpoint: {saved.path} is of another model, by its weight {wrong[0]}")
