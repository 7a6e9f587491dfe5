"""Figures and pictures from a trained model."""

__all__ = [
    "AggregatePosterior",
    "LatentStatistics",
    "evaluate",
    "interpolations",
    "most_used",
    "reconstructions",
    "render",
    "samples",
    "save_picture",
    "traversals",
]

from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.figures import evaluate
from vae.evaluation.latents import LatentStatistics
from vae.evaluation.pictures import interpolations, most_used, reconstructions, samples, traversals
from vae.evaluation.render import render, save_picture
