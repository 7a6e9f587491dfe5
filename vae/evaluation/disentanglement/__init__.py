"""Disentanglement metrics as plain functions of codes and factors; none needs a model."""

__all__ = [
    "DCI",
    "UDR",
    "Disentanglement",
    "beta_vae_score",
    "dci",
    "explicitness",
    "factor_vae_score",
    "irs",
    "lasso_weights",
    "mig",
    "modularity",
    "mutual_information",
    "rank_correlations",
    "sap",
    "udr",
]

from vae.evaluation.disentanglement.beta_vae import beta_vae_score
from vae.evaluation.disentanglement.dci import DCI, dci
from vae.evaluation.disentanglement.disentanglement import Disentanglement
from vae.evaluation.disentanglement.explicitness import explicitness
from vae.evaluation.disentanglement.factor_vae import factor_vae_score
from vae.evaluation.disentanglement.information import mig, modularity, mutual_information
from vae.evaluation.disentanglement.irs import irs
from vae.evaluation.disentanglement.sap import sap
from vae.evaluation.disentanglement.udr import UDR, lasso_weights, rank_correlations, udr
