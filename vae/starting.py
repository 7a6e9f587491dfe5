"""Where parameters start that depend on the data."""

__all__ = ["start_at_data"]

from vae.data import DataModule
from vae.distributions import Conditional, Likelihood
from vae.models import Model
from vae.networks import MLP, Network
from vae.priors import VampPrior

MEAN_OF = 10_000  # training examples from which a mean is taken
SCALE_OF = 1 << 22  # values, of whole examples, from which a scale is taken


def start_at_data(model: Model, data: DataModule) -> None:
    """Start pseudo-inputs, learned scales, and the decoder's output beside them, at training data.

    A likelihood that learns its scale starts as the likeliest one that does not look at z: at the
    mean of the data and their deviation from it. A scale in units of the data can be a hundred
    times smaller than one; short runs would otherwise end before it is found. Likelihoods without
    a learned scale, and scales whose start was chosen, stay as they are.

    Args:
        model: Changed in place; `load_state_dict` afterwards overrides all of it.
        data: Of which training examples are read.

    Raises:
        ValueError: If ``start_at_mean`` was asked for and the likelihood has no such start.
    """
    for part in model.modules():
        if isinstance(part, VampPrior):
            part.initialize(data.examples("train", len(part.free_inputs)).x)
        if isinstance(part, Conditional) and isinstance(part.head, Likelihood):
            assert isinstance(part.net, Network)
            start_decoder(part.net, part.head, data)


def start_decoder(net: Network, likelihood: Likelihood, data: DataModule) -> None:
    """Start the last layer of a decoder, and the scale that its likelihood learns."""
    if isinstance(net, MLP) and net.start_at_mean:
        mean = data.examples("train", MEAN_OF).x.mean(0)
        net.start_at(likelihood.params_of_mean(mean))
    few = min(MEAN_OF, max(2, SCALE_OF // data.spec.num_dims))
    raw = likelihood.start_at(data.examples("train", few).x.double())
    if raw is not None:
        net.start_at(raw)
