"""Whether a prior is one of the latents that a posterior gives."""

__all__ = ["check_prior", "check_stated", "fitting"]

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from vae.distributions import Conditional, Head
from vae.priors.prior import Prior
from vae.supports import ProductSpace, same_support, support_of, unit_sphere

# Of each space: its values, and what the command line has that lives there.
FITTING = (
    (
        constraints.real,
        "real vectors",
        (
            *("normal", "constant", "full_normal", "low_rank_normal", "laplace", "student_t"),
            *("mixture", "nsf", "iaf", "maf", "planar", "radial", "sylvester"),
        ),
        (
            *("standard_normal", "normal", "laplace", "student_t", "mixture", "exemplar", "nsf"),
            *("maf", "two_stage"),
        ),
    ),
    (
        constraints.one_hot,
        "one-hot vectors",
        ("categorical",),
        ("uniform_categorical", "categorical"),
    ),
    (constraints.boolean, "bits", ("bernoulli",), ("uniform_bernoulli", "bernoulli")),
    (
        unit_sphere,
        "unit vectors",
        ("von_mises_fisher", "power_spherical"),
        ("uniform_sphere", "von_mises_fisher"),
    ),
    (constraints.nonnegative, "positive numbers", ("gamma",), ("gamma",)),
    (constraints.unit_interval, "numbers from 0 to 1", ("beta",), ("beta",)),
    (
        constraints.simplex,
        "shares of a whole",
        ("dirichlet", "logistic_normal"),
        ("dirichlet", "logistic_normal"),
    ),
    (
        ProductSpace({"z": constraints.real, "c": constraints.one_hot}),
        "real vectors beside one-hot ones",
        ("joint",),
        ("joint", "joint_learned"),
    ),
)

OF_ANY_SHAPE = "prior=standard_normal, normal, laplace or student_t, which are of maps as well"


class StatedSpace(NamedTuple):
    """Where latents live, as far as it is known, and the shape of one of them."""

    support: Constraint | None
    event_shape: tuple[int, ...]


def check_prior(posterior: Head, prior: nn.Module) -> None:
    """Refuse a prior of other latents than the posterior's.

    Any module that returns a distribution is a prior: one that does not say of itself where its
    latents live is called once.

    Raises:
        ValueError: If it returns no distribution, or one of another support or event shape.
    """
    support, shape = stated_space(prior) or space_in_use(prior)
    names = f"prior {type(prior).__name__} and posterior {type(posterior).__name__}"
    if support is not None and not same_support(support, posterior.support):
        raise ValueError(
            f"{names} live on different spaces. Use {fitting(posterior.support)}, or "
            f"{fitting(support)}."
        )
    if shape != posterior.event_shape:
        real = same_support(posterior.support, constraints.real)
        other = f", or use {OF_ANY_SHAPE}" if real and len(posterior.event_shape) > 1 else ""
        raise ValueError(
            f"{names} have latents of the shapes {shape} and {posterior.event_shape}: give both "
            f"the same{other}"
        )


def fitting(support: Constraint) -> str:
    """Say which posteriors and priors of the command line live on a space."""
    for space, values, posteriors, priors in FITTING:
        if same_support(space, support):
            either = " or ".join(posteriors)
            suited = " or ".join(f"prior={name}" for name in mixed(space, priors))
            return f"posterior={either} with {suited} ({values})"
    return f"a posterior and a prior that are both of {support}"


def mixed(space: Constraint, priors: Sequence[str]) -> Sequence[str]:
    """Return the priors of a space with the mixture of its posteriors, if it has no parts.

    A mixture of products is none.
    """
    return priors if isinstance(space, ProductSpace) else (*priors, "vamp")


def check_stated(encoder: nn.Module, prior: nn.Module) -> None:
    """Refuse a prior of other latents than an encoder's as far as both say it, uncalled.

    Raises:
        ValueError: If support or event shape differ.
    """
    head = encoder.head if isinstance(encoder, Conditional) else None
    if isinstance(head, Head) and stated_space(prior) is not None:
        check_prior(head, prior)


def stated_space(prior: nn.Module) -> StatedSpace | None:
    """Return the space that a prior says it has; ``None`` if it does not say."""
    part = prior.head if isinstance(prior, Conditional) else prior
    if not isinstance(part, Head | Prior) or part.support is None or part.event_shape is None:
        return None
    return StatedSpace(part.support, part.event_shape)


@torch.no_grad()
def space_in_use(prior: nn.Module) -> StatedSpace:
    """Return the space of the p(z) that a prior returns in evaluation, where nothing is relaxed.

    Raises:
        ValueError: If the module returns no distribution, or several at once.
    """
    training, told = prior.training, ""
    try:
        p = prior.eval()()
    except TypeError as error:  # of a module that wants an argument
        p, told = None, f" ({error})"
    finally:
        prior.train(training)
    if not isinstance(p, Distribution):
        raise ValueError(
            f"prior: {type(prior).__name__} is not a prior: called without arguments it must "
            f"return a distribution{told}"
        )
    if p.batch_shape:
        raise ValueError(
            f"prior {type(prior).__name__} returns a {type(p).__name__} of batch shape "
            f"{tuple(p.batch_shape)}; expected (): dimensions of a latent are told by "
            "Independent(distribution, number of them)"
        )
    return StatedSpace(support_of(p), tuple(p.event_shape))
