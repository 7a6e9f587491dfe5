"""Figures and pictures from a trained model.

An `Evaluation` maps a `Subject`, a trained model and its data, to a `Section` of a `Report`.
"""

__all__ = [
    "AggregatePosterior",
    "Amortization",
    "Annealing",
    "Anomaly",
    "Bound",
    "ByLabel",
    "Codes",
    "Disentanglement",
    "Embedding",
    "Evaluation",
    "Figure",
    "Gallery",
    "Imputation",
    "Interpolations",
    "LatentSpace",
    "LatentStatistics",
    "LatentUse",
    "Neighbours",
    "NotApplicable",
    "Picture",
    "Probe",
    "RateDistortion",
    "ReconstructionQuality",
    "Report",
    "Run",
    "SampleQuality",
    "Scatter",
    "Section",
    "Subject",
    "Traversals",
    "Variables",
    "compare",
    "decoded",
    "diagnose",
    "draw_rate_distortion",
    "effective_sample_size",
    "encode_gif",
    "evaluate",
    "fit_posterior",
    "interpolate",
    "interpolations",
    "labelled",
    "log_mean_weights",
    "measure",
    "nearest",
    "pareto_k",
    "quantiles",
    "reconstructions",
    "render",
    "render_movie",
    "samples",
    "save_movie",
    "save_picture",
    "slerp",
    "study",
    "switch",
    "traverse",
]

from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.amortization import Amortization, fit_posterior
from vae.evaluation.annealed_likelihood import Annealing
from vae.evaluation.bound import Bound
from vae.evaluation.collapse import LatentUse, diagnose
from vae.evaluation.comparison import Run, compare
from vae.evaluation.disentanglement import Disentanglement
from vae.evaluation.downstream import Anomaly, ByLabel, Imputation, Probe
from vae.evaluation.evaluation import Evaluation, Report, measure
from vae.evaluation.figures import evaluate
from vae.evaluation.gallery import Gallery
from vae.evaluation.importance import effective_sample_size, log_mean_weights, pareto_k
from vae.evaluation.interpolations import Interpolations
from vae.evaluation.latent_space import LatentSpace
from vae.evaluation.latents import LatentStatistics
from vae.evaluation.margin import labelled
from vae.evaluation.movies import encode_gif, save_movie
from vae.evaluation.neighbours import Neighbours, nearest
from vae.evaluation.paths import interpolate, slerp, switch, traverse
from vae.evaluation.picture import Picture
from vae.evaluation.pictures import decoded, reconstructions, samples
from vae.evaluation.quality import ReconstructionQuality, SampleQuality
from vae.evaluation.rate_distortion import RateDistortion, draw_rate_distortion
from vae.evaluation.render import render, render_movie, save_picture
from vae.evaluation.scatter import Scatter
from vae.evaluation.section import Embedding, Figure, NotApplicable, Section
from vae.evaluation.subject import Codes, Subject
from vae.evaluation.traversals import Traversals
from vae.evaluation.variables import Variables, quantiles, study
