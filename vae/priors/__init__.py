"""Priors p(z)."""

__all__ = ["Prior", "StandardNormal", "UniformCategorical", "VampPrior"]

from vae.priors.prior import Prior
from vae.priors.standard_normal import StandardNormal
from vae.priors.uniform_categorical import UniformCategorical
from vae.priors.vamp import VampPrior
