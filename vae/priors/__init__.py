"""Priors p(z)."""

__all__ = [
    "Prior",
    "StandardNormal",
    "UniformCategorical",
    "VampPrior",
    "check_prior",
    "check_stated",
]

from vae.priors.prior import Prior
from vae.priors.space import check_prior, check_stated
from vae.priors.standard_normal import StandardNormal
from vae.priors.uniform_categorical import UniformCategorical
from vae.priors.vamp import VampPrior
