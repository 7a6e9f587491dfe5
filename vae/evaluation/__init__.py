"""Figures and pictures from a trained model.

An `Evaluation` maps a `Subject`, a trained model and its data, to a `Section` of a `Report`.
"""

__all__ = [
    "AggregatePosterior",
    "Anomaly",
    "Bound",
    "ByLabel",
    "Codes",
    "Embedding",
    "Evaluation",
    "Figure",
    "Gallery",
    "Imputation",
    "LatentStatistics",
    "NotApplicable",
    "Probe",
    "Report",
    "Run",
    "Section",
    "Subject",
    "compare",
    "encode_gif",
    "evaluate",
    "interpolations",
    "measure",
    "most_used",
    "reconstructions",
    "render",
    "render_movie",
    "samples",
    "save_movie",
    "save_picture",
    "traversals",
]

from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.bound import Bound
from vae.evaluation.comparison import Run, compare
from vae.evaluation.downstream import Anomaly, ByLabel, Imputation, Probe
from vae.evaluation.evaluation import Evaluation, Report, measure
from vae.evaluation.figures import evaluate
from vae.evaluation.gallery import Gallery
from vae.evaluation.latents import LatentStatistics
from vae.evaluation.movies import encode_gif, save_movie
from vae.evaluation.pictures import interpolations, most_used, reconstructions, samples, traversals
from vae.evaluation.render import render, render_movie, save_picture
from vae.evaluation.section import Embedding, Figure, NotApplicable, Section
from vae.evaluation.subject import Codes, Subject
