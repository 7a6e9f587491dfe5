"""Objectives: a trace to named terms."""

__all__ = [
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "PIWAE",
    "START",
    "Bound",
    "Cyclical",
    "DReG",
    "Estimator",
    "FreeBits",
    "Linear",
    "Objective",
    "Pathwise",
    "Penalized",
    "Progress",
    "Renyi",
    "Schedule",
    "ScoreFunction",
    "Stages",
    "StickTheLanding",
]

from vae.objectives.bound import Bound
from vae.objectives.ciwae import CIWAE
from vae.objectives.elbo import ELBO
from vae.objectives.estimators import DReG, Estimator, Pathwise, ScoreFunction, StickTheLanding
from vae.objectives.free_bits import FreeBits
from vae.objectives.iwae import IWAE
from vae.objectives.miwae import MIWAE
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalized import Penalized
from vae.objectives.piwae import PIWAE
from vae.objectives.renyi import Renyi
from vae.objectives.schedule import Cyclical, Linear, Schedule, Stages
