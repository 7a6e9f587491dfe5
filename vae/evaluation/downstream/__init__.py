"""What a model is good for: classification, anomaly detection, imputation, class by class."""

__all__ = ["Anomaly", "ByLabel", "Classification", "Imputation", "Probe"]

from vae.evaluation.downstream.anomaly import Anomaly
from vae.evaluation.downstream.by_label import ByLabel
from vae.evaluation.downstream.classification import Classification
from vae.evaluation.downstream.imputation import Imputation
from vae.evaluation.downstream.probe import Probe
