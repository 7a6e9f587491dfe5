"""What a Pyro model must be for its density to be fitted: the same latents in every run."""

__all__ = ["Sites", "Watched", "latent_sites"]

from collections.abc import Callable, Mapping
from typing import Any

import torch

from vae.inference.bijections import bijection_to
from vae.inference.foreign_models import of_package

Site = Mapping[str, Any]
Sites = dict[str, Site]


FOREIGN = (
    "the model has no sample site of Pyro: write it with pyro.sample; one of NumPyro is for "
    "from_numpyro"
)


class Watched:
    """A model that must have the same latents in every run.

    Args:
        model: The model.
        names: Of its latents.
    """

    def __init__(self, model: Callable[..., Any], names: set[str]) -> None:
        self.model = model
        self.names = names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model.

        Raises:
            ValueError: If a latent is new or missing.
        """
        import pyro.poutine as poutine

        with poutine.trace() as tracer:
            result = self.model(*args, **kwargs)
        nodes = tracer.trace.nodes
        new = {name for name, site in nodes.items() if is_latent(name, site)} - self.names
        if different := new | (self.names - set(nodes)):
            raise ValueError(changing(different))
        return result


def latent_sites(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sites:
    """Return the continuous latents of a model, whose values are drawn.

    Raises:
        ValueError: If there is none, the model has what cannot be fitted, or latents, their shapes
            or supports are others in a second run.
    """
    first, second = (sites_of_one_run(model, args, kwargs) for _ in range(2))
    if different := first.keys() ^ second.keys():
        raise ValueError(changing(different))
    for name, site in first.items():
        check_same(name, site, second[name])
    return first


def sites_of_one_run(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Sites:
    """Return the continuous latents of one run."""
    import pyro.poutine as poutine

    try:
        nodes = poutine.trace(model).get_trace(*args, **kwargs).nodes
    except Exception as error:
        if of_package(error, "numpyro"):
            raise ValueError(FOREIGN) from error
        raise
    if params := [name for name, site in nodes.items() if site["type"] == "param"]:
        raise ValueError(
            f"the model has parameters of its own, which a posterior does not learn: make each a "
            f"sample site with a prior, or a constant; got pyro.param {', '.join(params)}"
        )
    sites: Sites = {name: site for name, site in nodes.items() if is_latent(name, site)}
    if sites:
        return sites
    drawn = [name for name, site in nodes.items() if site["type"] == "sample"]
    if not drawn:
        raise ValueError(FOREIGN)
    hidden = [name for name in drawn if is_summed(nodes[name])]
    if hidden:
        raise ValueError(
            f"the model must have a continuous latent: {', '.join(hidden)}, which Pyro sums over, "
            "is discrete, so that nothing is left to fit"
        )
    raise ValueError("the model must have a continuous latent: all its sites are observed")


def is_summed(site: Site) -> bool:
    """Say whether a site is a discrete latent; the plates are none."""
    from pyro.poutine.subsample_messenger import _Subsample

    return not site["is_observed"] and not isinstance(site["fn"], _Subsample)


def is_latent(name: str, site: Site) -> bool:
    """Say whether a site is a continuous latent, neither observed nor a plate nor summed over.

    Raises:
        ValueError: If it cannot be fitted.
    """
    from pyro.poutine.subsample_messenger import _Subsample

    if site["type"] != "sample" or site["is_observed"]:
        return False
    fn = site["fn"]
    if isinstance(fn, _Subsample):
        if fn.subsample_size is not None and fn.subsample_size < fn.size:
            raise ValueError(
                f"the plate {name} draws {fn.subsample_size} of {fn.size} rows at every call: give "
                "it all of them, or write the model for Target.of_data, which has mini-batches"
            )
        return False
    if not fn.support.is_discrete:
        return True
    if fn.has_enumerate_support and site["infer"].get("enumerate") != "sequential":
        return False
    raise ValueError(
        f"{name} is discrete, and Pyro cannot sum over its values at once: use a distribution of "
        "finitely many, enumerated in parallel, or sum over them in the model"
    )


def check_same(name: str, site: Site, other: Site) -> None:
    """Refuse a latent that depends on others in more than its density.

    Raises:
        ValueError: If its shape or support is another in another run.
    """
    shape = site["value"].shape
    if shape != other["value"].shape:
        raise ValueError(changing({name}))
    one, two = (bijection_to(each["fn"].support, name) for each in (site, other))
    middle = torch.zeros(one.inverse_shape(shape), dtype=site["value"].dtype)
    if not torch.equal(one(middle), two(middle)):
        raise ValueError(
            f"the support of {name} depends on other latents, and Pyro would hold it as it was in "
            f"one run: make {name} a function of a latent of constant support, such as "
            "low + (high − low) · fraction"
        )


def changing(names: set[str]) -> str:
    """Say that latents are not always there."""
    return (
        "the latents must be the same, of the same shape, in every run of the model; got "
        f"{', '.join(sorted(names))} in some runs only"
    )
