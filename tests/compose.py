"""What tests need to know of the configs."""

from vae.cli.compose import compose_settings


def settings_of(*overrides: str) -> dict:
    """Return the settings of ``python train.py overrides``."""
    return compose_settings(overrides)
