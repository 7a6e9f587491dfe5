"""Objectives: a trace to named terms."""

__all__ = ["ELBO", "IWAE", "Capacity", "Cyclical", "FreeBits", "Linear", "Objective", "Schedule"]

from vae.objectives.capacity import Capacity
from vae.objectives.elbo import ELBO
from vae.objectives.free_bits import FreeBits
from vae.objectives.iwae import IWAE
from vae.objectives.objective import Objective
from vae.objectives.schedule import Cyclical, Linear, Schedule
