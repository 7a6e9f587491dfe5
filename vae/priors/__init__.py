"""Priors p(z)."""

__all__ = [
    "BernoulliPrior",
    "BetaPrior",
    "CategoricalPrior",
    "DirichletPrior",
    "ExemplarPrior",
    "FlowPrior",
    "GammaPrior",
    "JointPrior",
    "LaplacePrior",
    "LearnedNormal",
    "LogisticNormalPrior",
    "MixturePrior",
    "Prior",
    "StandardNormal",
    "StudentTPrior",
    "TwoStagePrior",
    "UniformBernoulli",
    "UniformCategorical",
    "UniformSphere",
    "VampPrior",
    "VonMisesFisherPrior",
    "check_prior",
    "check_stated",
    "fitting",
]

from vae.priors.bernoulli_prior import BernoulliPrior
from vae.priors.beta_prior import BetaPrior
from vae.priors.categorical_prior import CategoricalPrior
from vae.priors.dirichlet_prior import DirichletPrior
from vae.priors.exemplar import ExemplarPrior
from vae.priors.flow_prior import FlowPrior
from vae.priors.gamma_prior import GammaPrior
from vae.priors.joint_prior import JointPrior
from vae.priors.laplace_prior import LaplacePrior
from vae.priors.learned_normal import LearnedNormal
from vae.priors.logistic_normal_prior import LogisticNormalPrior
from vae.priors.mixture_prior import MixturePrior
from vae.priors.prior import Prior
from vae.priors.standard_normal import StandardNormal
from vae.priors.stated import check_prior, check_stated, fitting
from vae.priors.student_t_prior import StudentTPrior
from vae.priors.two_stage import TwoStagePrior
from vae.priors.uniform_bernoulli import UniformBernoulli
from vae.priors.uniform_categorical import UniformCategorical
from vae.priors.uniform_sphere import UniformSphere
from vae.priors.vamp import VampPrior
from vae.priors.von_mises_fisher_prior import VonMisesFisherPrior
