"""Nets whose weights have a posterior: variational Bayes for any `torch.nn.Module`."""

__all__ = [
    "EmpiricalPrior",
    "Flipout",
    "GaussianPrior",
    "LocalReparameterization",
    "PlainSampling",
    "Posteriors",
    "ScaleMixturePrior",
    "Variational",
    "WeightEstimator",
    "WeightPrior",
    "bayesian",
]

from vae.bayesian.variational import Posteriors, Variational, bayesian
from vae.bayesian.weight_estimators import (
    Flipout,
    LocalReparameterization,
    PlainSampling,
    WeightEstimator,
)
from vae.bayesian.weight_priors import EmpiricalPrior, GaussianPrior, ScaleMixturePrior, WeightPrior
