"""What a NumPyro model must be for its density to be fitted, and its supports in torch's words."""

__all__ = ["latent_sites_of_numpyro"]

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from vae.inference.bijections import bijection_to

WITHOUT_BOUNDS = {
    "Real": constraints.real,
    "Positive": constraints.positive,
    "SoftplusPositive": constraints.positive,
    "Nonnegative": constraints.positive,  # but for a set of measure zero
    "UnitInterval": constraints.unit_interval,
    "Simplex": constraints.simplex,
    "CorrCholesky": constraints.corr_cholesky,
    "LowerCholesky": constraints.lower_cholesky,
    "SoftplusLowerCholesky": constraints.lower_cholesky,
    "ScaledUnitLowerCholesky": constraints.lower_cholesky,
    "PositiveDefinite": constraints.positive_definite,
}


def latent_sites_of_numpyro(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, tuple[Constraint, tuple[int, ...]]]:
    """Return supports and shapes of the latents of a model, by name, in the order of its sites.

    Raises:
        ValueError: If there is none, the model has what cannot be fitted, or latents, their shapes
            or supports are others in a second run.
    """
    first, second = (sites_of_seed(model, args, kwargs, seed) for seed in (0, 1))
    if different := first.keys() ^ second.keys():
        raise ValueError(
            "the latents must be the same in every run of the model; got "
            f"{', '.join(sorted(different))} in some runs only"
        )
    for name, (support, shape) in first.items():
        bijection = bijection_to(support, name)
        middle = torch.zeros(bijection.inverse_shape(torch.Size(shape)))
        other = bijection_to(second[name][0], name)
        if shape != second[name][1] or not torch.equal(bijection(middle), other(middle)):
            raise ValueError(
                f"the support or the shape of {name} depends on other latents: make it a function "
                "of a latent of constant support, such as low + (high − low) · fraction"
            )
    return first


def sites_of_seed(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seed: int
) -> dict[str, tuple[Constraint, tuple[int, ...]]]:
    """Return the latents of one run."""
    from numpyro import handlers
    from numpyro.infer import init_to_uniform

    started = handlers.substitute(handlers.seed(model, seed), substitute_fn=init_to_uniform)
    sites = handlers.trace(started).get_trace(*args, **kwargs)
    found = {}
    for name, site in sites.items():
        if site["type"] in ("param", "mutable"):
            raise ValueError(
                "the model has parameters of its own, which a posterior does not learn: make each "
                f"a sample site with a prior, or a constant; got numpyro.{site['type']} {name}"
            )
        if site["type"] == "plate":
            check_plate(name, *site["args"])
        if site["type"] == "sample" and not site["is_observed"]:
            found[name] = support_in_torch(name, site["fn"].support), site["value"].shape
    if not any(site["type"] == "sample" for site in sites.values()):
        raise ValueError(
            "the model has no sample site of NumPyro: write it with numpyro.sample; one of Pyro is "
            "for from_pyro"
        )
    if not found:
        raise ValueError("the model must have a latent: all its sites are observed")
    return found


def check_plate(name: str, size: int, drawn: int | None) -> None:
    """Refuse a plate that draws rows.

    Raises:
        ValueError: If it does.
    """
    if drawn is not None and drawn < size:
        raise ValueError(
            f"the plate {name} draws {drawn} of {size} rows at every call: give it all of them, or "
            "write the model for Target.of_data, which has mini-batches"
        )


def support_in_torch(name: str, support: Any) -> Constraint:
    """Return a constraint of NumPyro as torch's.

    Raises:
        ValueError: If torch has none, or it is discrete.
    """
    if support.is_discrete:
        raise ValueError(
            f"{name} is discrete: sum over its values in the model, as MixtureSameFamily does"
        )
    given: Mapping[str, Any] = vars(support)
    if "base_constraint" in given:
        inner = support_in_torch(name, given["base_constraint"])
        return constraints.independent(inner, given["reinterpreted_batch_ndims"])
    kind = type(support).__name__.removeprefix("_")
    if kind in WITHOUT_BOUNDS:
        return WITHOUT_BOUNDS[kind]
    if kind in ("Interval", "OpenInterval"):
        return constraints.interval(bound(given["lower_bound"]), bound(given["upper_bound"]))
    if kind in ("GreaterThan", "GreaterThanEq"):
        return constraints.greater_than(bound(given["lower_bound"]))
    if kind in ("LessThan", "LessThanEq"):
        return constraints.less_than(bound(given["upper_bound"]))
    raise ValueError(
        f"{name} has the support {support}, which has no counterpart in torch: write the site as a "
        "function of one whose support is real, positive, an interval, a simplex, positive "
        "definite or a Cholesky factor, or reparameterise it by numpyro.handlers.reparam"
    )


def bound(value: Any) -> Tensor:
    """Return a bound as a tensor."""
    return torch.as_tensor(np.array(value))
