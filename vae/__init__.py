"""A training framework for variational autoencoders, and for variational inference by itself.

The public names are imported when first used, so that the command line answers at once.
"""

__all__ = [
    "VAE",
    "Fit",
    "Latent",
    "Model",
    "Objective",
    "Trace",
    "VAEEstimator",
    "VAEModule",
    "__version__",
    "export",
    "fit",
    "fit_vae",
    "load",
    "make_module",
    "report",
    "start_at_data",
]

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

HOMES = {
    "Fit": "vae.inference.fitted",
    "Latent": "vae.trace",
    "Model": "vae.models",
    "Objective": "vae.objectives",
    "Trace": "vae.trace",
    "VAE": "vae.models",
    "VAEEstimator": "vae.estimator",
    "VAEModule": "vae.training",
    "export": "vae.exports",
    "fit": "vae.inference.optimizing",
    "fit_vae": "vae.cli.fitting",
    "load": "vae.build",
    "make_module": "vae.cli.fitting",
    "report": "vae.cli.fitting",
    "start_at_data": "vae.starting",
}


PARTS = {"data", "distributions", "evaluation", "models", "networks", "objectives", "priors"}
PARTS |= {"inference", "mcmc", "plugins"}


def __getattr__(name: str) -> Any:
    if name in PARTS:
        return import_module(f"vae.{name}")
    if name not in HOMES:
        raise AttributeError(f"module 'vae' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
