"""Likelihoods p(x|z): one small file for each."""

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "FixedScale",
    "Laplace",
    "LearnedScale",
    "Normal",
    "OptimalScale",
    "PixelwiseScale",
    "Scale",
]

from vae.distributions.likelihoods.bernoulli import Bernoulli
from vae.distributions.likelihoods.categorical import Categorical
from vae.distributions.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vae.distributions.likelihoods.discretized_logistic import DiscretizedLogistic
from vae.distributions.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from vae.distributions.likelihoods.laplace import Laplace
from vae.distributions.likelihoods.normal import Normal
from vae.distributions.likelihoods.optimal_scale import OptimalScale
from vae.distributions.likelihoods.scale import FixedScale, LearnedScale, PixelwiseScale, Scale
