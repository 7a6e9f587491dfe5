"""What need not be advised for a model."""

__all__ = ["pointless"]

from torch import nn
from zuko.flows import Flow

from vae.distributions import NormalPosterior
from vae.distributions.likelihoods.scale import Scale
from vae.models import Model
from vae.priors import VampPrior

HAS: dict[str, type[nn.Module]] = {  # a setting: the part that shows that it is used
    "posterior=normal": NormalPosterior,
    "prior=vamp": VampPrior,
}


def pointless(model: Model) -> list[str]:
    """Return the settings that a model has already, or that cannot change it.

    ``likelihood=normal_learned`` is for likelihoods whose width is fixed: bits have none.
    """
    parts = list(model.modules())

    def has(kind: type[nn.Module]) -> bool:
        return any(isinstance(part, kind) for part in parts)

    fixed = any(isinstance(part, Scale) and not part.learned for part in parts)
    settings = [setting for setting, kind in HAS.items() if has(kind)]
    if any(isinstance(part, Flow) for part in model.children()):  # of a posterior it lies deeper
        settings.append("prior=nsf")
    return settings if fixed else [*settings, "likelihood=normal_learned"]
