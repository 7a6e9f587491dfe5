"""What the framework asks of a distribution beyond `torch.distributions`: one function each.

Each is open to new kinds of distribution through ``register``.
"""

__all__ = [
    "center",
    "check_latent",
    "check_observed",
    "check_rows",
    "draw",
    "draw_rows",
    "in_logarithms",
    "points",
]

from collections.abc import Sequence
from functools import singledispatch

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Distribution,
    Independent,
    OneHotCategorical,
)

from vae.distributions.amortized_flow import AmortizedFlow
from vae.distributions.binary_concrete import BinaryConcrete, LogitBinaryConcrete
from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.joint import Joint
from vae.distributions.logistic_normal import LogisticNormal, shares
from vae.distributions.mixture import UniformMixture
from vae.distributions.spherical import Spherical
from vae.flows import NormalizingFlow

HINT = "dimensions of the event are told by Independent(distribution, number of them)"


def draw(q: Distribution, *lead: int) -> tuple[Tensor, Tensor | None]:
    """Draw ``(*lead, *batch, *event)``, with gradients where ``q`` has them.

    Returns:
        The draw, and its log-density where that comes for free, else ``None``.
    """
    if isinstance(q, NormalizingFlow | AmortizedFlow):
        return q.rsample_and_log_prob(lead)
    return (q.rsample if q.has_rsample else q.sample)(lead), None


def draw_rows(
    q: Distribution, num_samples: int, name: str, *, shared: bool
) -> tuple[Tensor, Tensor | None]:
    """Draw ``(K, B, *event)`` from q of a batch shape that the convention knows, or refuse it."""
    lead = q.batch_shape
    if len(lead) == 1 and not shared:
        return draw(q, num_samples)
    if len(lead) == 2 and lead[0] == num_samples:
        return draw(q)
    if len(lead) == 0 and shared:
        return draw(q, num_samples, 1)
    if len(lead) == 2 and lead[0] == 1:
        z, log_q = draw(q, num_samples)
        return z.squeeze(1), None if log_q is None else log_q.squeeze(1)
    wanted = "()" if shared else f"(B,), or (K, B) with K = {num_samples}"
    raise ValueError(
        f"q of {name} has batch shape {tuple(lead)}; expected {wanted}: dimensions of the "
        "event are told by Independent(q, number of them)"
    )


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


@center.register(Bernoulli)
@center.register(BinaryConcrete)
def _(q: Bernoulli | BinaryConcrete) -> Tensor:
    return q.logits.sigmoid()


@center.register
def _(q: LogitBinaryConcrete) -> Tensor:
    return q.logits


@center.register
def _(q: LogGumbelSoftmax) -> Tensor:
    return q.logits.log_softmax(-1)


@center.register
def _(q: LogisticNormal) -> Tensor:
    return shares(q.loc)


@center.register
def _(q: Spherical) -> Tensor:
    return q.loc


@center.register(NormalizingFlow)
@center.register(AmortizedFlow)
def _(q: NormalizingFlow | AmortizedFlow) -> Tensor:
    z = center(q.base)
    return q.forward(z) if isinstance(q, AmortizedFlow) else q.transform.inv(z)


def in_logarithms(q: Distribution) -> Distribution:
    """Return that of log z if z is a relaxed category, of its logit if a bit, else ``q`` itself."""
    if isinstance(q, Independent):
        base = in_logarithms(q.base_dist)
        return q if base is q.base_dist else Joint(base, q.reinterpreted_batch_ndims)
    if isinstance(q, UniformMixture):
        parts = in_logarithms(q.components)
        return q if parts is q.components else q.of_parts(parts)
    return q.logarithm if isinstance(q, (GumbelSoftmax, BinaryConcrete)) else q


def points(q: Distribution, z: Tensor) -> Tensor:
    """Return what nets read of draws: z itself, or the value of which z is a logarithm or logit."""
    while isinstance(q, (Independent, UniformMixture)):
        q = q.base_dist if isinstance(q, Independent) else q.components
    if isinstance(q, LogitBinaryConcrete):
        return z.sigmoid()
    return z.exp() if isinstance(q, LogGumbelSoftmax) else z


def check_rows(name: str, q: Distribution, num_rows: int | None) -> None:
    """Refuse a posterior whose last batch dimension are not the examples.

    Raises:
        ValueError: Naming its batch shape.
    """
    lead = q.batch_shape
    if num_rows is not None and lead and lead[-1] not in (1, num_rows):
        raise ValueError(
            f"q of {name} has batch shape {tuple(lead)} for {num_rows} examples; expected (B,), or "
            f"(K, B): {HINT}"
        )


def check_latent(
    name: str, q: Distribution, p: Distribution, z: Tensor, weight: Tensor | float | None
) -> None:
    """Refuse a prior and a posterior of different events, and other batches than the draw's.

    Raises:
        ValueError: Naming the shapes.
    """
    lead = z.shape[:2]
    if not fits(p.batch_shape, lead):
        raise ValueError(
            f"p of {name} has batch shape {tuple(p.batch_shape)}; expected (), (B,) or "
            f"(K, B) = {tuple(lead)}: {HINT}"
        )
    if not q.event_shape == p.event_shape == z.shape[2:]:
        raise ValueError(
            f"q and p of {name} are of events of other shapes, {tuple(q.event_shape)} and "
            f"{tuple(p.event_shape)}"
        )
    check_weight(name, weight, lead)


def check_observed(
    name: str,
    px: Distribution,
    x: Tensor,
    weight: Tensor | None,
    mask: Tensor | None,
    num_rows: int,
) -> None:
    """Refuse a likelihood of other examples or events than the values, and weights of others.

    Raises:
        ValueError: Naming the shapes.
    """
    event, lead = px.event_shape, px.batch_shape
    if len(lead) > 2 or (lead and lead[-1] not in (1, num_rows)):
        raise ValueError(
            f"p({name}|z) has batch shape {tuple(lead)} for {num_rows} examples; expected (K, B): "
            f"{HINT}"
        )
    rows = x.shape[: x.dim() - len(event)]
    # Two dimensions of rows are draws and examples: a column (B, 1) would meet all draws of all.
    whole = (1, num_rows) if len(rows) == 1 else (num_rows,)
    if x.shape[len(rows) :] != event or len(rows) not in (1, 2) or rows[-1] not in whole:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}, and p({name}|z) is of events of shape "
            f"{tuple(event)} for {num_rows} examples: expected (B, *event)"
        )
    check_weight(name, weight, (*lead[:-1], num_rows))
    if mask is not None and mask.dim() != 1 + len(event):
        raise ValueError(
            f"the mask of {name} has shape {tuple(mask.shape)}; expected that of its "
            f"values, (B, *event), with {1 + len(event)} dimensions"
        )


def check_weight(name: str, weight: Tensor | float | None, lead: Sequence[int]) -> None:
    """Refuse a weight that is not one of each example."""
    if isinstance(weight, Tensor) and not fits(weight.shape, lead):
        raise ValueError(
            f"the weight of {name} has shape {tuple(weight.shape)}; expected (B,) or (K, B) = "
            f"{tuple(lead)}"
        )


def fits(shape: Sequence[int], lead: Sequence[int]) -> bool:
    """Say whether a shape is that of ``(K, B)``, its end, or of size 1 where it is not."""
    if len(shape) > len(lead):
        return False
    end = lead[len(lead) - len(shape) :]
    return all(a in (1, b) for a, b in zip(shape, end, strict=True))
