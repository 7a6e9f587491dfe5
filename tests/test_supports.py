"""Constraints are compared by what they allow, whoever made them."""

from itertools import product

import torch
from torch.distributions import Distribution, Independent, Normal, Uniform
from torch.distributions import constraints as c

from vae.flows import zuko
from vae.supports import OF_DATA, covers, in_words, same_support, support_of, unit_sphere

KINDS = {
    "reals": c.real,
    "a vector": c.real_vector,
    "a picture": c.independent(c.real, 3),
    "bits": c.boolean,
    "[0, 1]": c.unit_interval,
    "[0, 1] of numbers": c.interval(0, 1),
    "[0, 1] of tensors": c.independent(c.interval(torch.zeros(3), torch.ones(3)), 1),
    "[0, 2]": c.interval(0.0, 2.0),
    "[0, 1) and [0, 2)": c.half_open_interval(torch.zeros(2), torch.tensor([1.0, 2.0])),
    "positive": c.positive,
    "above 0": c.greater_than(0),
    "0 or more": c.nonnegative,
    "bytes": c.integer_interval(0, 255),
    "counts": c.nonnegative_integer,
    "one-hot": c.one_hot,
    "one-hots": c.independent(c.one_hot, 1),
    "simplex": c.simplex,
    "unit vectors": unit_sphere,
    "matrices": c.positive_definite,
}
SAME = [
    {"reals", "a vector", "a picture"},
    {"[0, 1]", "[0, 1] of numbers", "[0, 1] of tensors"},
    {"positive", "above 0"},
    {"one-hot", "one-hots"},
]
UNIT = {"bits", "[0, 1]", "one-hot", "simplex"}
COVERED = {  # of those that are not the same, with one name for each meaning
    "reals": {*UNIT, "unit vectors", "[0, 2]", "positive", "0 or more", "bytes", "counts"},
    "[0, 1]": {"bits", "one-hot", "simplex"},
    "[0, 2]": UNIT,
    "0 or more": {*UNIT, "[0, 2]", "positive", "bytes", "counts"},
    "bytes": {"bits", "one-hot"},
    "counts": {"bits", "one-hot", "bytes"},
    "bits": {"one-hot"},
    "simplex": {"one-hot"},
    "unit vectors": {"one-hot"},
}


def test_the_same_values_under_other_names():
    for one, other in product(KINDS, KINDS):
        alike = one == other or any({one, other} <= group for group in SAME)
        assert same_support(KINDS[one], KINDS[other]) is alike, (one, other)


def test_what_covers_what():
    first = {name: min(group, key=list(KINDS).index) for group in SAME for name in group}
    for outer, inner in product(KINDS, KINDS):
        a, b = first.get(outer, outer), first.get(inner, inner)
        expected = a == b or b in COVERED.get(a, ())
        assert covers(KINDS[outer], KINDS[inner]) is expected, (outer, inner)


def test_where_a_distribution_lives():
    joint = Independent(Normal(torch.zeros(3), 1.0, validate_args=False), 1)
    assert same_support(support_of(joint), c.real_vector)
    assert same_support(support_of(zuko.flows.NSF(2, transforms=1)()), c.real_vector)
    assert same_support(support_of(Uniform(torch.zeros(3), 2.0)), c.interval(0, 2))
    assert support_of(Distribution(validate_args=False)) is None


def test_what_the_data_may_be_has_words():
    assert [in_words(c.independent(s, 2)) for s in OF_DATA.values()] == [
        "0 and 1 alone",
        "values in [0, 1]",
        "finite values",
    ]
    assert in_words(c.positive) == "GreaterThan(lower_bound=0.0)"
