"""What need not be advised for a model, and which priors may be."""

__all__ = ["learned_priors", "pointless"]

from torch import nn
from torch.distributions import constraints
from zuko.flows import Flow

from vae.distributions import Conditional, JointPosterior, NormalPosterior
from vae.distributions.likelihoods.scale import Scale
from vae.models import VAE, Model
from vae.priors import VampPrior
from vae.supports import same_support

HAS: dict[str, type[nn.Module]] = {  # a setting: the part that shows that it is used
    "posterior=normal": NormalPosterior,
    "prior=vamp": VampPrior,
}


def pointless(model: Model) -> list[str]:
    """Return the settings that a model has already, or that cannot change it.

    ``likelihood=normal_learned`` is for likelihoods whose width is fixed: bits have none. A prior
    is fitted afterwards, and ``penalty=mmd`` known, of one latent alone.
    """
    parts = list(model.modules())

    def has(kind: type[nn.Module]) -> bool:
        return any(isinstance(part, kind) for part in parts)

    fixed = any(isinstance(part, Scale) and not part.learned for part in parts)
    settings = [setting for setting, kind in HAS.items() if has(kind)]
    if any(isinstance(part, Flow) for part in model.children()):  # of a posterior it lies deeper
        settings.append("prior=nsf")
    if not isinstance(model, VAE) or has(JointPosterior):
        settings += ["stage=prior", "penalty=mmd"]
    return settings if fixed else [*settings, "likelihood=normal_learned"]


def learned_priors(model: Model) -> list[str]:
    """Return the settings of priors that learn, of latents such as a model's."""
    encoder = model.encoder if isinstance(model, VAE) else None
    head = encoder.head if isinstance(encoder, Conditional) else None
    if isinstance(head, JointPosterior):
        return ["prior=joint_learned"]
    real = head is None or same_support(head.support, constraints.real)
    return ["prior=vamp", "prior=nsf"] if real else ["prior=vamp"]
