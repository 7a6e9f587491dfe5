"""A trace in words, with shapes, kinds and figures, and what it asks of its variables."""

__all__ = ["blank", "kind", "shape", "table", "the_only"]

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from torch import Tensor
from torch.distributions import Distribution, Independent

T = TypeVar("T")


class Variable(Protocol):
    """What has a line in the table."""

    @property
    def summary(self) -> tuple[str, str, str]:
        """Name, shape and distributions."""


def table(variables: Iterable[Variable], numbers: Mapping[str, Tensor]) -> str:
    """Return a line for each variable and for each number, ``(K, B)`` in nats."""
    rows = [variable.summary for variable in variables]
    rows += [(name, shape(value), over_examples(value)) for name, value in numbers.items()]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows)


def shape(tensor: Tensor) -> str:
    """Return the shape of a tensor, as it is written."""
    return str(tuple(tensor.shape))


def kind(distribution: Distribution) -> str:
    """Return the name of a distribution's class, of independent dimensions that of each."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return type(distribution).__name__


def over_examples(value: Tensor) -> str:
    """Return the mean over samples and examples, and the deviation over examples, in nats."""
    each = value.detach().double().mean(0)
    deviation = each.std(correction=0).item()
    return f"{each.mean().item():,.2f} ± {deviation:,.2f} nats over {len(each)} examples"


def blank(px: Distribution) -> float | int:
    """Return a value of finite density: the gradient through NaN is NaN, also where it counts 0."""
    return 0 if px.support is not None and px.support.is_discrete else 0.5


def the_only(observed: Sequence[T]) -> T:
    """Return the only observed variable, or raise a ValueError."""
    if len(observed) != 1:
        raise ValueError(f"this needs a model of one observed variable; got {len(observed)}")
    return observed[0]
