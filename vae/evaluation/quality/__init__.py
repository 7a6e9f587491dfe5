"""The quality of pictures: reconstructions against originals, samples against real pictures."""

__all__ = [
    "ReconstructionQuality",
    "SampleQuality",
    "frechet_distance",
    "kernel_distance",
    "ms_ssim",
    "precision_recall",
    "psnr",
    "ssim",
]

from vae.evaluation.quality.distances import frechet_distance, kernel_distance, precision_recall
from vae.evaluation.quality.reconstruction import ReconstructionQuality
from vae.evaluation.quality.samples import SampleQuality
from vae.evaluation.quality.similarity import ms_ssim, psnr, ssim
