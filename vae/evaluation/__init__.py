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
    "Classification",
    "Codes",
    "Completions",
    "Denoising",
    "Disentanglement",
    "Embedding",
    "Evaluation",
    "Figure",
    "Forecast",
    "Gallery",
    "Hierarchy",
    "Imputation",
    "Interpolations",
    "LatentSpace",
    "LatentStatistics",
    "LatentUse",
    "MissingSteps",
    "Neighbours",
    "NotApplicable",
    "OpenLoop",
    "Picture",
    "PosteriorDraws",
    "Predictions",
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

from vae.evaluation.comparison import Run, compare
from vae.evaluation.disentanglement import Disentanglement
from vae.evaluation.downstream import Anomaly, ByLabel, Classification, Imputation, Probe
from vae.evaluation.drawing.movies import encode_gif, save_movie
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.reconstructions import decoded, reconstructions, samples
from vae.evaluation.drawing.render import render, render_movie, save_picture
from vae.evaluation.drawing.walks import interpolate, slerp, switch, traverse
from vae.evaluation.evaluation import Evaluation, Report, measure
from vae.evaluation.measures.aggregate_posterior import AggregatePosterior
from vae.evaluation.measures.collapse import LatentUse, diagnose
from vae.evaluation.measures.figures import evaluate
from vae.evaluation.measures.importance_weights import (
    effective_sample_size,
    log_mean_weights,
    pareto_k,
)
from vae.evaluation.measures.latent_statistics import LatentStatistics
from vae.evaluation.measures.margin import labelled
from vae.evaluation.measures.variables import Variables, quantiles, study
from vae.evaluation.over_time import Denoising, Forecast, MissingSteps
from vae.evaluation.quality import ReconstructionQuality, SampleQuality
from vae.evaluation.section import Embedding, Figure, NotApplicable, Section
from vae.evaluation.sections.amortization import Amortization, fit_posterior
from vae.evaluation.sections.annealed_likelihood import Annealing
from vae.evaluation.sections.bound import Bound
from vae.evaluation.sections.completions import Completions
from vae.evaluation.sections.gallery import Gallery
from vae.evaluation.sections.hierarchy import Hierarchy
from vae.evaluation.sections.interpolations import Interpolations
from vae.evaluation.sections.latent_space import LatentSpace
from vae.evaluation.sections.neighbours import Neighbours, nearest
from vae.evaluation.sections.open_loop import OpenLoop
from vae.evaluation.sections.posterior_draws import PosteriorDraws
from vae.evaluation.sections.predictions import Predictions
from vae.evaluation.sections.rate_distortion import RateDistortion, draw_rate_distortion
from vae.evaluation.sections.scatter import Scatter
from vae.evaluation.sections.traversals import Traversals
from vae.evaluation.subject import Codes, Subject
