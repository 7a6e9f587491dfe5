"""Where values live, compared by meaning: of one constraint torch makes a new object each time."""

__all__ = [
    "OF_DATA",
    "ProductSpace",
    "UnitSphere",
    "bound_together",
    "covers",
    "in_words",
    "same_support",
    "support_of",
    "unit_sphere",
]

from collections.abc import Mapping
from math import inf
from typing import Any

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from vae.flows import NormalizingFlow


class UnitSphere(Constraint):
    """Vectors of length one, as far as their precision tells."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Say which of the vectors ``(*, D)`` are, bool ``(*)``."""
        return (value.norm(dim=-1) - 1).abs() < 1e-5


unit_sphere = UnitSphere()


class ProductSpace(Constraint):
    """Values of several spaces side by side.

    Args:
        parts: The space of each by its name; ``None`` where it is not known.
    """

    event_dim = 1

    def __init__(self, parts: Mapping[str, Constraint | None]) -> None:
        self.parts = dict(parts)
        super().__init__()

    def __repr__(self) -> str:
        return " beside ".join(f"{name} of {space}" for name, space in self.parts.items())


OF_DATA: dict[str, Constraint] = {  # what `DataSpec.support` may be
    "boolean": constraints.boolean,
    "unit_interval": constraints.unit_interval,
    "real": constraints.real,
}
WORDS = {
    constraints.boolean: "0 and 1 alone",
    constraints.unit_interval: "values in [0, 1]",
    constraints.real: "finite values",
}
ENDS = {  # lowest and highest value, where a constraint does not hold them itself
    constraints.boolean: (0.0, 1.0),
    constraints.one_hot: (0.0, 1.0),
    constraints.simplex: (0.0, 1.0),
    constraints.real: (-inf, inf),
    unit_sphere: (-1.0, 1.0),
}
# Less than all values between their ends, so that these do not tell what they cover.
PARTS_OF_ALL = {
    constraints.boolean: (constraints.one_hot,),
    constraints.simplex: (constraints.one_hot,),
    unit_sphere: (constraints.one_hot,),
    constraints.one_hot: (),
}
OPEN_ABOVE = (constraints.less_than, constraints.half_open_interval)


def same_support(a: Constraint, b: Constraint) -> bool:
    """Say whether two constraints allow the same values.

    How many dimensions they take together as one event is a matter of shapes and does not count.

    Example:
        >>> same_support(constraints.real_vector, constraints.independent(constraints.real, 3))
        True
        >>> same_support(constraints.interval(0, 1), constraints.unit_interval)
        True
        >>> same_support(constraints.one_hot, constraints.simplex)
        False
    """
    a, b = of_one(a), of_one(b)
    if isinstance(a, ProductSpace) and isinstance(b, ProductSpace):
        alike = a.parts.keys() == b.parts.keys()
        return alike and all(same_part(part, b.parts[name]) for name, part in a.parts.items())
    return type(a) is type(b) and bounds(a) == bounds(b)


def same_part(a: Constraint | None, b: Constraint | None) -> bool:
    """Say whether two parts of products allow the same values, as far as both are known."""
    return a is not None and b is not None and same_support(a, b)


def covers(outer: Constraint, inner: Constraint) -> bool:
    """Say whether a constraint is known to allow every value that another one allows.

    Example:
        >>> covers(constraints.real, constraints.boolean)
        True
        >>> covers(constraints.positive, constraints.unit_interval)  # which has a zero
        False
    """
    outer, inner = of_one(outer), of_one(inner)
    if same_support(outer, inner):
        return True
    known = found(PARTS_OF_ALL, outer)
    if known is not None:
        return any(same_support(part, inner) for part in known)
    if outer.is_discrete and not inner.is_discrete:
        return False
    ours, theirs = ends(outer), ends(inner)
    if ours is None or theirs is None:
        return False
    return ours[0] <= theirs[0] and ours[1] <= theirs[1]


def bound_together(support: Constraint | None) -> bool:
    """Say whether the coordinates of a value depend on each other.

    None of them can move alone then, and a density is not one over all reals of as many dimensions.

    Example:
        >>> bound_together(constraints.simplex), bound_together(constraints.real_vector)
        (True, False)
    """
    together = (unit_sphere, constraints.simplex)
    return support is not None and any(same_support(support, known) for known in together)


def in_words(support: Constraint) -> str:
    """Say which values a constraint allows."""
    return found(WORDS, support) or str(support)


def support_of(p: Distribution) -> Constraint | None:
    """Return where a distribution lives; ``None`` if it does not say.

    The flows of zuko map a space to itself.
    """
    if isinstance(p, NormalizingFlow):
        return support_of(p.base)
    try:
        support: Constraint | None = p.support
    except NotImplementedError:
        return None
    return support


def found(table: dict[Constraint, Any], constraint: Constraint) -> Any:
    """Return the entry of a table under a constraint of this meaning, or ``None``."""
    return next((entry for key, entry in table.items() if same_support(key, constraint)), None)


def of_one(constraint: Any) -> Constraint:
    """Return the constraint of one of the variables that are taken together."""
    wrapped = (constraints.independent, constraints.MixtureSameFamilyConstraint)
    while isinstance(constraint, wrapped):
        constraint = constraint.base_constraint
    return constraint


def bounds(constraint: Constraint) -> dict[str, Any]:
    """Return what tells a constraint from others of its class: numbers, or lists of them."""
    return {name: plain(value) for name, value in vars(constraint).items()}


def plain(value: Any) -> Any:
    """Return a bound as a number, or as a list if the variables have different ones."""
    if not isinstance(value, Tensor):
        return value
    different = value.unique().tolist()
    return different[0] if len(different) == 1 else value.tolist()


def ends(constraint: Constraint) -> tuple[Any, Any] | None:
    """Return both ends as pairs that rise as the constraint narrows; ``None`` if not known.

    A pair is the least value, or the greatest with the other sign, and whether it is left out.
    """
    own = {"lower_bound": None, "upper_bound": None} | bounds(constraint)
    low, high = found(ENDS, constraint) or (own["lower_bound"], own["upper_bound"])
    if isinstance(low, list) or isinstance(high, list) or (low is None and high is None):
        return None
    low, high = -inf if low is None else low, inf if high is None else high
    open_below = low == -inf or isinstance(constraint, constraints.greater_than)
    open_above = high == inf or isinstance(constraint, OPEN_ABOVE)
    return (low, open_below), (-high, open_above)
