"""Objectives: a trace to named terms."""

__all__ = [
    "CIWAE",
    "ELBO",
    "FIVO",
    "IWAE",
    "MIWAE",
    "PIWAE",
    "START",
    "BalancedELBO",
    "Cyclical",
    "DReG",
    "EnumeratedELBO",
    "Estimator",
    "FreeBits",
    "LinearSchedule",
    "LogWeightBound",
    "Objective",
    "Pathwise",
    "Penalized",
    "Progress",
    "Renyi",
    "Schedule",
    "ScoreFunction",
    "SemiSupervised",
    "Stages",
    "StickTheLanding",
    "StratifiedELBO",
]

from vae.objectives.balanced_elbo import BalancedELBO
from vae.objectives.ciwae import CIWAE
from vae.objectives.elbo import ELBO
from vae.objectives.enumerated_elbo import EnumeratedELBO
from vae.objectives.estimators import DReG, Estimator, Pathwise, ScoreFunction, StickTheLanding
from vae.objectives.fivo import FIVO
from vae.objectives.free_bits import FreeBits
from vae.objectives.iwae import IWAE
from vae.objectives.log_weight_bound import LogWeightBound
from vae.objectives.miwae import MIWAE
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalized import Penalized
from vae.objectives.piwae import PIWAE
from vae.objectives.renyi import Renyi
from vae.objectives.schedule import Cyclical, LinearSchedule, Schedule, Stages
from vae.objectives.semi_supervised import SemiSupervised
from vae.objectives.stratified_elbo import StratifiedELBO
