"""The discrete variables that relaxed ones stand for."""

__all__ = ["unrelaxed"]

from torch.distributions import Bernoulli, Distribution, Independent, OneHotCategorical

from vae.distributions.binary_concrete import BinaryConcrete, LogitBinaryConcrete
from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.joint import Joint


def unrelaxed(q: Distribution) -> Distribution:
    """Return the distribution of the exact value; of what is not relaxed, itself.

    Its divergence from another is at most that of the relaxed ones, of which it is a function, and
    to a uniform one at most log C for each variable of C categories: theirs has no bound.
    """
    if isinstance(q, Independent):
        base = unrelaxed(q.base_dist)
        return q if base is q.base_dist else Joint(base, q.reinterpreted_batch_ndims)
    if isinstance(q, GumbelSoftmax | LogGumbelSoftmax):
        return OneHotCategorical(logits=q.logits, validate_args=False)
    if isinstance(q, BinaryConcrete | LogitBinaryConcrete):
        return Bernoulli(logits=q.logits, validate_args=False)
    return q
