"""The settings of a command line without its process: for notebooks, benchmarks and tests."""

__all__ = ["CONF", "choices", "compose_settings"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from vae.cli.naming import register_run_name
from vae.cli.search_path import CONF, choices

register_run_name()  # whoever composes settings, here or by Hydra, comes by


def compose_settings(
    overrides: Sequence[str] = (),
    *,
    folder: str | Path = "outputs",
    resolve: bool = True,
    command: str = "train",
) -> dict[str, Any]:
    """Return the settings of ``python train.py overrides`` as plain values.

    Choices of the user's own are found as the command finds them; see `vae.cli.search_path`.

    Args:
        overrides: As on the command line.
        folder: The run folder that the settings name.
        resolve: Replace interpolations by their values.
        command: ``train`` or ``eval``.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(command, overrides=list(overrides), return_hydra_config=True)
    config.hydra.runtime.output_dir = str(folder)
    HydraConfig.instance().set_config(config)
    settings: Any = OmegaConf.to_container(config, resolve=False)
    del settings["hydra"]
    if resolve:
        settings = OmegaConf.to_container(OmegaConf.create(settings), resolve=True)
    return dict(settings)
