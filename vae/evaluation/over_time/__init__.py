"""How well a model of sequences goes on, fills in and cleans them, step by step."""

__all__ = ["Denoising", "Forecast", "MissingSteps"]

from vae.evaluation.over_time.denoising import Denoising
from vae.evaluation.over_time.forecast import Forecast
from vae.evaluation.over_time.missing_steps import MissingSteps
