"""Where parameters start that depend on the data."""

__all__ = ["start_at_data"]

from torch import Tensor

from vae.data import DataModule
from vae.distributions import Conditional, Likelihood
from vae.models import Model
from vae.networks import MLP, Network
from vae.priors import VampPrior

MEAN_OF = 10_000  # training examples from which a mean is taken
SCALE_OF = 1 << 22  # values, of whole examples, from which a scale is taken


def start_at_data(model: Model, data: DataModule) -> None:
    """Start pseudo-inputs, learned scales, and the decoder's output beside them, at training data.

    A model that standardises its data takes their mean and width first.

    A likelihood that learns its scale starts as the likeliest one that does not look at z: at the
    mean of the data and their deviation from it. A scale in units of the data can be a hundred
    times smaller than one; short runs would otherwise end before it is found. Likelihoods without
    a learned scale, scales whose start was chosen, and nets of one's own stay as they are.

    Args:
        model: Changed in place; `load_state_dict` afterwards overrides all of it.
        data: Of which training examples are read.

    Raises:
        ValueError: If ``start_at_mean`` was asked for and the likelihood has no such start.
    """
    if model.standardize is not None:
        model.standardize.set(*data.statistics())

    def seen(n: int) -> Tensor:
        return model.standardized(data.examples("train", n)["x"])

    few = min(MEAN_OF, max(2, SCALE_OF // data.spec.num_dims))
    for part in model.modules():
        if isinstance(part, VampPrior):
            part.initialize(seen(len(part.free_inputs)))
        if (
            isinstance(part, Conditional)
            and isinstance(part.head, Likelihood)
            and isinstance(part.net, Network)
        ):
            net, likelihood = part.net, part.head
            if isinstance(net, MLP) and net.start_at_mean:
                net.start_at(likelihood.params_of_mean(seen(MEAN_OF).mean(0)))
            raw = likelihood.start_at(seen(few).double()) if likelihood.starts_at_examples else None
            if raw is not None:
                net.start_at(raw)
