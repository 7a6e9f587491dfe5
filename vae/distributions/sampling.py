"""What the framework asks of a distribution beyond `torch.distributions`: one function each.

Each is open to new kinds of distribution through ``register``.
"""

__all__ = ["center", "draw", "in_logarithms", "points", "tempered"]

from functools import singledispatch

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, OneHotCategorical

from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.joint import Joint
from vae.distributions.mixture import UniformMixture
from vae.distributions.normal import LogScaleNormal
from vae.flows import NormalizingFlow


def draw(q: Distribution, *lead: int) -> tuple[Tensor, Tensor | None]:
    """Draw ``(*lead, *batch, *event)``, with gradients where ``q`` has them.

    Returns:
        The draw, and its log-density where that comes for free, else ``None``.
    """
    if isinstance(q, NormalizingFlow):
        return q.rsample_and_log_prob(lead)
    return (q.rsample if q.has_rsample else q.sample)(lead), None


@singledispatch
def center(q: Distribution) -> Tensor:
    """Return the point, ``(*batch, *event)``, that stands for ``q`` where one point must."""
    return q.mean


@center.register
def _(q: Independent) -> Tensor:
    return center(q.base_dist)


@center.register(OneHotCategorical)
@center.register(GumbelSoftmax)
def _(q: OneHotCategorical | GumbelSoftmax) -> Tensor:
    return q.logits.softmax(-1)


@center.register
def _(q: LogGumbelSoftmax) -> Tensor:
    return q.logits.log_softmax(-1)


@center.register
def _(q: NormalizingFlow) -> Tensor:
    return q.transform.inv(center(q.base))


@singledispatch
def tempered(p: Distribution, temperature: float) -> Distribution:
    """Return ``p`` made narrower (temperature below 1) or wider (above 1).

    Raises:
        ValueError: If no rule is registered for this kind of distribution.
    """
    raise ValueError(f"sampling with a temperature is not defined for {type(p).__name__}")


@tempered.register
def _(p: Independent, temperature: float) -> Distribution:
    return Joint(tempered(p.base_dist, temperature), p.reinterpreted_batch_ndims)


@tempered.register
def _(p: Normal, temperature: float) -> Distribution:
    return LogScaleNormal(p.loc, (p.scale * temperature).log())


@tempered.register
def _(p: OneHotCategorical, temperature: float) -> Distribution:
    return OneHotCategorical(logits=p.logits / temperature, validate_args=False)


@tempered.register
def _(p: GumbelSoftmax, temperature: float) -> Distribution:
    return GumbelSoftmax(p.temperature, p.logits / temperature)


@tempered.register
def _(p: UniformMixture, temperature: float) -> Distribution:
    return UniformMixture(tempered(p.components, temperature))


@tempered.register
def _(p: NormalizingFlow, temperature: float) -> Distribution:
    return NormalizingFlow(p.transform, tempered(p.base, temperature))


def in_logarithms(q: Distribution) -> Distribution:
    """Return the distribution of log z if z is a relaxed category, else ``q`` itself."""
    if isinstance(q, Independent):
        base = in_logarithms(q.base_dist)
        return q if base is q.base_dist else Joint(base, q.reinterpreted_batch_ndims)
    if isinstance(q, UniformMixture):
        parts = in_logarithms(q.components)
        return q if parts is q.components else UniformMixture(parts)
    return q.logarithm if isinstance(q, GumbelSoftmax) else q


def points(q: Distribution, z: Tensor) -> Tensor:
    """Return what nets read of draws: z itself, and the exponential where z is a logarithm."""
    while isinstance(q, (Independent, UniformMixture)):
        q = q.base_dist if isinstance(q, Independent) else q.components
    return z.exp() if isinstance(q, LogGumbelSoftmax) else z
