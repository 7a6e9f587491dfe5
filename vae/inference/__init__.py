"""Variational inference for any log-joint: the posterior of a user's own model."""

__all__ = [
    "Diagnosis",
    "Family",
    "Fit",
    "Flow",
    "FullRank",
    "LogJoint",
    "LowRank",
    "MeanField",
    "Mixture",
    "Space",
    "Target",
    "diagnose",
    "fit",
    "from_numpyro",
    "from_pyro",
]

from vae.inference.diagnosis import Diagnosis, diagnose
from vae.inference.families import Family, Flow, FullRank, LowRank, MeanField, Mixture
from vae.inference.fitted import Fit
from vae.inference.log_joint import LogJoint
from vae.inference.numpyro_models import from_numpyro
from vae.inference.optimizing import fit
from vae.inference.pyro_models import from_pyro
from vae.inference.space import Space
from vae.inference.target import Target
