"""A training framework for variational autoencoders.

The public names are imported when first used, so that the command line answers at once.
"""

__all__ = [
    "VAE",
    "Latent",
    "Model",
    "Objective",
    "Trace",
    "VAEModule",
    "__version__",
    "export",
    "load",
    "start_at_data",
]

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

HOMES = {
    "Latent": "vae.trace",
    "Model": "vae.models",
    "Objective": "vae.objectives",
    "Trace": "vae.trace",
    "VAE": "vae.models",
    "VAEModule": "vae.training",
    "export": "vae.exports",
    "load": "vae.build",
    "start_at_data": "vae.starting",
}


PARTS = {"data", "distributions", "evaluation", "models", "networks", "objectives", "priors"}


def __getattr__(name: str) -> Any:
    if name in PARTS:
        return import_module(f"vae.{name}")
    if name not in HOMES:
        raise AttributeError(f"module 'vae' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
