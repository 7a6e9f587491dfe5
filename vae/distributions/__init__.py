"""Heads that read a net's output as a distribution, and the distributions they return."""

__all__ = [
    "Bernoulli",
    "Categorical",
    "CategoricalPosterior",
    "Conditional",
    "ConstantNormalPosterior",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "FixedScale",
    "FlowPosterior",
    "GumbelSoftmax",
    "Head",
    "Joint",
    "Laplace",
    "LearnedScale",
    "Likelihood",
    "LogGumbelSoftmax",
    "LogScaleNormal",
    "Normal",
    "NormalPosterior",
    "OptimalScale",
    "PixelwiseScale",
    "UniformMixture",
    "UnitNormal",
    "aggregate_log_probs",
    "center",
    "draw",
    "fixed_log_prob",
    "frozen",
    "in_logarithms",
    "points",
    "soft_bound",
    "tempered",
]

from vae.distributions.aggregate import aggregate_log_probs
from vae.distributions.categorical_posterior import CategoricalPosterior
from vae.distributions.fixed import fixed_log_prob, frozen
from vae.distributions.flow_posterior import FlowPosterior
from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.head import Conditional, Head, Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    FixedScale,
    Laplace,
    LearnedScale,
    Normal,
    OptimalScale,
    PixelwiseScale,
)
from vae.distributions.mixture import UniformMixture
from vae.distributions.normal import (
    ConstantNormalPosterior,
    LogScaleNormal,
    NormalPosterior,
    UnitNormal,
    soft_bound,
)
from vae.distributions.sampling import center, draw, in_logarithms, points, tempered
