"""Markov chain Monte Carlo over the log-joint of a fit, to refine it or to check it."""

__all__ = ["Chains", "bulk_ess", "hmc", "nuts", "sghmc", "sgld", "split_rhat"]

from vae.inference.markov_chains import Chains
from vae.inference.mixing import bulk_ess, split_rhat
from vae.mcmc.langevin import sghmc, sgld
from vae.mcmc.pyro_kernels import hmc, nuts
