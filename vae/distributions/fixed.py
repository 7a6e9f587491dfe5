"""Distributions held fixed: log-densities whose gradient reaches the value alone."""

__all__ = ["fixed", "fixed_log_prob", "frozen"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Beta,
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    OneHotCategorical,
)

from vae.distributions.amortized_flow import AmortizedFlow
from vae.distributions.binary_concrete import BinaryConcrete, LogitBinaryConcrete
from vae.distributions.flow_posterior import ConditionalFlow
from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.implicit_mixture import ImplicitMixture
from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LogScale
from vae.distributions.low_rank_normal import LowRankNormal
from vae.distributions.normal_mixture import ByComponent
from vae.distributions.of_step import OfStep
from vae.distributions.spherical import Spherical
from vae.distributions.student_t import LogScaleStudentT


def fixed_log_prob(q: Distribution, value: Tensor) -> Tensor:
    """Return log q(value) with the parameters of q held fixed: gradients reach the value only.

    Args:
        q: Any distribution whose parameters are the tensors it was made of, or one that
            `RULES` knows, or a `ConditionalFlow`.
        value: ``(*lead, *batch, *event)``.

    References:
        Sticking the Landing (Roeder, Wu, Duvenaud, 2017), 1703.09194.
        Path-Gradient Estimators for Continuous Normalizing Flows (Vaitl et al., 2022), 2206.09016.
    """
    if not torch.is_grad_enabled():
        return q.log_prob(value)
    if isinstance(q, ConditionalFlow):
        with frozen(q.flow):
            context = None if q.context is None else q.context.detach()
            scaled = None if q.scaled is None else (q.scaled[0].detach(), q.scaled[1].detach())
            held = ConditionalFlow(q.flow, context, fixed(q.base), scaled)
            log_prob: Tensor = held.log_prob(value)
            return log_prob
    return fixed(q).log_prob(value)


def fixed(q: Distribution) -> Distribution:
    """Return the same distribution of detached parameters.

    Raises:
        ValueError: If its parameters may be others than the tensors it names.
    """
    if type(q) not in RULES and not type(q).__module__.startswith(KNOWN):
        raise ValueError(
            f"it is not known how to hold the parameters of {type(q).__name__}, whose density "
            "may depend on others than it names. Use estimator=pathwise, or add its rule to "
            "vae.distributions.fixed.RULES."
        )
    for kind in type(q).__mro__:  # `singledispatch` would end a compiled graph
        if kind in RULES:
            return RULES[kind](q)
    given = {name: vars(q)[name] for name in q.arg_constraints if name in vars(q)}
    return type(q)(**{name: value.detach() for name, value in given.items()}, validate_args=False)


# Where distributions come from that are known to depend on the parameters that they name alone.
KNOWN = ("torch.distributions.", "vae.distributions.")
# Kinds of distributions that are made of other things than the parameters they name.
RULES: dict[type, Callable[[Any], Distribution]] = {
    Independent: lambda q: Joint(fixed(q.base_dist), q.reinterpreted_batch_ndims),
    LogScale: lambda q: type(q)(q.loc.detach(), q.log_scale.detach()),
    # It keeps every form of its covariance that was once asked for; of those it takes but one.
    MultivariateNormal: lambda q: MultivariateNormal(
        q.loc.detach(), scale_tril=q.scale_tril.detach(), validate_args=False
    ),
    Beta: lambda q: Beta(q.concentration1.detach(), q.concentration0.detach(), validate_args=False),
    LowRankMultivariateNormal: lambda q: LowRankMultivariateNormal(
        q.loc.detach(), q.cov_factor.detach(), q.cov_diag.detach(), validate_args=False
    ),
    OfStep: lambda q: fixed(q.made),
    AmortizedFlow: lambda q: AmortizedFlow(q.detach().steps, fixed(q.base)),
    Spherical: lambda q: type(q)(q.loc.detach(), q.concentration.detach()),
    **dict.fromkeys(
        (ByComponent, ImplicitMixture, LogScaleStudentT, LowRankNormal), lambda q: q.detach()
    ),
    Bernoulli: lambda q: type(q)(logits=q.logits.detach(), validate_args=False),
    OneHotCategorical: lambda q: type(q)(logits=q.logits.detach(), validate_args=False),
    BinaryConcrete: lambda q: BinaryConcrete(q.temperature, q.logits.detach()),
    LogitBinaryConcrete: lambda q: LogitBinaryConcrete(q.temperature, q.logits.detach()),
    GumbelSoftmax: lambda q: GumbelSoftmax(q.temperature, q.logits.detach()),
    LogGumbelSoftmax: lambda q: LogGumbelSoftmax(q.temperature, q.logits.detach()),
}


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let what is computed inside pass gradients through a module, but not to its parameters."""
    learned = [p for p in module.parameters() if p.requires_grad]
    for parameter in learned:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)
