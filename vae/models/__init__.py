"""Models: a batch to a trace."""

__all__ = ["VAE", "Model"]

from vae.models.model import Model
from vae.models.vae import VAE
