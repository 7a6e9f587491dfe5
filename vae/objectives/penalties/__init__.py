"""Penalties: objectives that stand beside a bound."""

__all__ = [
    "DIP",
    "MMD",
    "Adversarial",
    "Adversary",
    "Capacity",
    "DecoderNorm",
    "Factor",
    "GradientPenalty",
    "IMQKernel",
    "Kernel",
    "LatentNorm",
    "RBFKernel",
    "SlicedWasserstein",
    "TotalCorrelation",
]

from vae.objectives.penalties.adversarial import Adversarial
from vae.objectives.penalties.adversary import Adversary
from vae.objectives.penalties.autoencoder import DecoderNorm, GradientPenalty, LatentNorm
from vae.objectives.penalties.capacity import Capacity
from vae.objectives.penalties.dip import DIP
from vae.objectives.penalties.factor import Factor
from vae.objectives.penalties.mmd import MMD, IMQKernel, Kernel, RBFKernel
from vae.objectives.penalties.sliced_wasserstein import SlicedWasserstein
from vae.objectives.penalties.total_correlation import TotalCorrelation
