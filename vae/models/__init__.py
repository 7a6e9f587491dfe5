"""Models: a batch to a trace."""

__all__ = [
    "DMM",
    "HVAE",
    "M2",
    "RNNVAE",
    "RSSM",
    "VAE",
    "VDVAE",
    "VRNN",
    "Batch",
    "BayesianNet",
    "LadderVAE",
    "Model",
    "NeuralProcess",
    "Standardize",
]

from vae.batch import Batch
from vae.models.bayesian_net import BayesianNet
from vae.models.hvae import HVAE
from vae.models.ladder import LadderVAE
from vae.models.m2 import M2
from vae.models.model import Model
from vae.models.neural_process import NeuralProcess
from vae.models.rssm import RSSM
from vae.models.sequences.dmm import DMM
from vae.models.sequences.rnn_vae import RNNVAE
from vae.models.sequences.vrnn import VRNN
from vae.models.standardize import Standardize
from vae.models.vae import VAE
from vae.models.vdvae import VDVAE
