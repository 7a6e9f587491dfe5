"""Distributions made narrower or wider, each kind in its own way."""

__all__ = ["NoTemperature", "tempered"]

from functools import singledispatch
from math import log

from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Beta,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    MixtureSameFamily,
    Normal,
    OneHotCategorical,
    TransformedDistribution,
    constraints,
)

from vae.distributions.amortized_flow import AmortizedFlow
from vae.distributions.binary_concrete import BinaryConcrete
from vae.distributions.flow_posterior import ConditionalFlow
from vae.distributions.gumbel_softmax import GumbelSoftmax
from vae.distributions.implicit_mixture import ImplicitMixture
from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LogScaleNormal
from vae.distributions.logistic_normal import LogisticNormal
from vae.distributions.mixture import UniformMixture
from vae.distributions.spherical import Spherical, UniformDirection
from vae.flows import NormalizingFlow
from vae.supports import same_support, support_of


class NoTemperature(ValueError):
    """Says that a distribution has no narrower or wider one of its kind."""


@singledispatch
def tempered(p: Distribution, temperature: float) -> Distribution:
    """Return ``p`` made narrower (temperature below 1) or wider (above 1).

    Of a kind without a rule of its own, over all reals, it is the distribution of
    m + temperature · (z − m) around the mean m, or the mode where there is no mean.

    Raises:
        NoTemperature: If it is over other values, or has neither.
    """
    middle = real_middle(p)
    if middle is None:
        told = f"sampling with a temperature is not defined for {type(p).__name__}"
        raise NoTemperature(told)
    dims = len(p.event_shape)
    about = AffineTransform((1 - temperature) * middle, temperature, event_dim=dims)
    return TransformedDistribution(p, about, validate_args=False)


def real_middle(p: Distribution) -> Tensor | None:
    """Return mean or mode of a distribution over all reals; ``None`` of others, or without one."""
    support = support_of(p)
    if support is None or not same_support(support, constraints.real):
        return None
    for name in ("mean", "mode"):
        try:
            middle: Tensor = getattr(p, name)
        except (AttributeError, NotImplementedError):
            continue
        if middle.isfinite().all():
            return middle
    return None


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
def _(p: Bernoulli, temperature: float) -> Distribution:
    return type(p)(logits=p.logits / temperature, validate_args=False)


@tempered.register
def _(p: BinaryConcrete, temperature: float) -> Distribution:
    return BinaryConcrete(p.temperature, p.logits / temperature)


@tempered.register
def _(p: GumbelSoftmax, temperature: float) -> Distribution:
    return GumbelSoftmax(p.temperature, p.logits / temperature)


@tempered.register
def _(p: Gamma, temperature: float) -> Distribution:
    square = temperature**2  # the mean stays, and the deviation is so many times as wide
    return Gamma(p.concentration / square, p.rate / square, validate_args=False)


@tempered.register
def _(p: Beta, temperature: float) -> Distribution:
    alpha, beta = (c / temperature**2 for c in (p.concentration1, p.concentration0))
    return Beta(alpha, beta, validate_args=False)  # the mean stays


@tempered.register
def _(p: Dirichlet, temperature: float) -> Distribution:
    return Dirichlet(p.concentration / temperature**2, validate_args=False)  # the mean stays


@tempered.register
def _(p: LogisticNormal, temperature: float) -> Distribution:
    return LogisticNormal(p.loc, p.log_scale + log(temperature))


@tempered.register
def _(p: Spherical, temperature: float) -> Distribution:
    return type(p)(p.loc, p.concentration / temperature**2)


@tempered.register
def _(p: UniformDirection, temperature: float) -> Distribution:
    return p  # the member of concentration 0, of whatever family


@tempered.register
def _(p: UniformMixture, temperature: float) -> Distribution:
    return p.of_parts(tempered(p.components, temperature))


@tempered.register
def _(p: ImplicitMixture, temperature: float) -> Distribution:
    return ImplicitMixture(p.logits, p.loc, (p.log_scale.exp() * temperature).log())


@tempered.register
def _(p: MixtureSameFamily, temperature: float) -> Distribution:
    parts = tempered(p.component_distribution, temperature)
    return MixtureSameFamily(p.mixture_distribution, parts, validate_args=False)


@tempered.register
def _(p: TransformedDistribution, temperature: float) -> Distribution:
    if real_middle(p) is not None:
        return tempered.dispatch(Distribution)(p, temperature)
    base = tempered(p.base_dist, temperature)
    return TransformedDistribution(base, p.transforms, validate_args=False)


@tempered.register(NormalizingFlow)
@tempered.register(AmortizedFlow)
def _(p: NormalizingFlow | AmortizedFlow, temperature: float) -> Distribution:
    if isinstance(p, AmortizedFlow):
        return AmortizedFlow(p.steps, tempered(p.base, temperature))
    if isinstance(p, ConditionalFlow):  # which says its shapes itself
        return ConditionalFlow(p.flow, p.context, tempered(p.base, temperature), p.scaled)
    return NormalizingFlow(p.transform, tempered(p.base, temperature))
