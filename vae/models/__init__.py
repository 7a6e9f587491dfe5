"""Models: a batch to a trace."""

__all__ = ["VAE", "Batch", "Model", "Standardize"]

from vae.batch import Batch
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.models.vae import VAE
