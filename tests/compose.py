"""What tests need to know of the configs."""

from vae.cli.compose import CONF, compose_settings


def settings_of(*overrides: str) -> dict:
    """Return the settings of ``python train.py overrides``."""
    return compose_settings(overrides)


def choices(group: str) -> list[str]:
    """Return the options of a config group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))
