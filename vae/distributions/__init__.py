"""Heads that read a net's output as a distribution, and the distributions they return."""

__all__ = [
    "AtDraw",
    "Bernoulli",
    "BernoulliPosterior",
    "BetaPosterior",
    "BinaryConcrete",
    "Categorical",
    "CategoricalPosterior",
    "ClassResponse",
    "Conditional",
    "ConstantNormalPosterior",
    "ContinuousBernoulli",
    "DirichletPosterior",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "EachStep",
    "FixedScale",
    "FlowPosterior",
    "FullNormalPosterior",
    "GammaPosterior",
    "GumbelSoftmax",
    "Head",
    "ImplicitMixture",
    "InverseAutoregressiveFlow",
    "Joint",
    "JointPosterior",
    "Laplace",
    "LaplacePosterior",
    "LearnedScale",
    "Likelihood",
    "LogGumbelSoftmax",
    "LogScaleNormal",
    "LogScaleStudentT",
    "LogisticNormal",
    "LogisticNormalPosterior",
    "LogitBinaryConcrete",
    "LowRankNormal",
    "LowRankNormalPosterior",
    "MixturePosterior",
    "NoTemperature",
    "Normal",
    "NormalMaps",
    "NormalPosterior",
    "OptimalScale",
    "PartlyKnown",
    "PixelwiseScale",
    "PlanarPosterior",
    "PowerSpherical",
    "PowerSphericalPosterior",
    "ProductDistribution",
    "RadialPosterior",
    "RealResponse",
    "Response",
    "Spherical",
    "StudentTPosterior",
    "SylvesterPosterior",
    "UniformDirection",
    "UniformMixture",
    "UnitNormal",
    "VonMisesFisher",
    "VonMisesFisherPosterior",
    "WeightedMixture",
    "aggregate_log_probs",
    "at_draw",
    "center",
    "draw",
    "fixed",
    "fixed_log_prob",
    "frozen",
    "in_logarithms",
    "normal_maps",
    "points",
    "precision_weighted",
    "relative_maps",
    "soft_bound",
    "tempered",
    "unrelaxed",
]

from vae.distributions.aggregate import aggregate_log_probs
from vae.distributions.at_draw import AtDraw, at_draw
from vae.distributions.bernoulli_posterior import BernoulliPosterior
from vae.distributions.beta_posterior import BetaPosterior
from vae.distributions.binary_concrete import BinaryConcrete, LogitBinaryConcrete
from vae.distributions.categorical_posterior import CategoricalPosterior
from vae.distributions.dirichlet_posterior import DirichletPosterior
from vae.distributions.each_step import EachStep
from vae.distributions.fixed import fixed, fixed_log_prob, frozen
from vae.distributions.flow_posterior import FlowPosterior
from vae.distributions.full_normal import FullNormalPosterior
from vae.distributions.gamma_posterior import GammaPosterior
from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.head import Conditional, Head, Likelihood
from vae.distributions.implicit_mixture import ImplicitMixture, MixturePosterior
from vae.distributions.inverse_autoregressive import InverseAutoregressiveFlow
from vae.distributions.joint import Joint
from vae.distributions.joint_posterior import JointPosterior
from vae.distributions.laplace_posterior import LaplacePosterior
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
from vae.distributions.log_scale_normal import (
    ConstantNormalPosterior,
    LogScaleNormal,
    NormalPosterior,
    UnitNormal,
    soft_bound,
)
from vae.distributions.logistic_normal import LogisticNormal, LogisticNormalPosterior
from vae.distributions.low_rank_normal import LowRankNormal, LowRankNormalPosterior
from vae.distributions.mixture import UniformMixture
from vae.distributions.normal_maps import NormalMaps, normal_maps, relative_maps
from vae.distributions.partly_known import PartlyKnown
from vae.distributions.planar import PlanarPosterior
from vae.distributions.power_spherical import PowerSpherical, PowerSphericalPosterior
from vae.distributions.precision_weighted import precision_weighted
from vae.distributions.product_distribution import ProductDistribution
from vae.distributions.radial import RadialPosterior
from vae.distributions.responses import ClassResponse, RealResponse, Response
from vae.distributions.sampling import center, draw, in_logarithms, points
from vae.distributions.spherical import Spherical, UniformDirection
from vae.distributions.student_t import LogScaleStudentT, StudentTPosterior
from vae.distributions.sylvester import SylvesterPosterior
from vae.distributions.tempering import NoTemperature, tempered
from vae.distributions.unrelaxed import unrelaxed
from vae.distributions.von_mises_fisher import VonMisesFisher, VonMisesFisherPosterior
from vae.distributions.weighted_mixture import WeightedMixture
