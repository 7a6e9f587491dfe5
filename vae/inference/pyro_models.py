"""Models written for Pyro, as densities to fit."""

__all__ = ["from_pyro"]

from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor

from vae.argument_checks import unchecked
from vae.batch import Batch
from vae.inference.bijections import bijection_to
from vae.inference.captured import Captured
from vae.inference.foreign_models import check_model, needed
from vae.inference.pyro_sites import Watched, latent_sites
from vae.inference.space import Space
from vae.inference.target import Target

Potential = Callable[[dict[str, Tensor]], Tensor]


def from_pyro(model: Callable[..., Any], *args: Any, **kwargs: Any) -> Target:
    """Return the target of a Pyro model, given all its data.

    Latents have the names and the order of the model's sample sites. Discrete ones of finitely many
    values are summed over by Pyro, where its plates allow that, and are no latents then. The
    density is Pyro's own, of `pyro.infer.mcmc.util.initialize_model`, recorded so that its handlers
    do not run at every step; torch's random numbers stay where they were.

    Args:
        model: A function or a PyroModule of sample sites.
        args: What it is called with, its observations among them.
        kwargs: Likewise, by name.

    Raises:
        ImportError: If Pyro is not installed.
        ValueError: If it is no model, cannot be called with what is given, or has no continuous
            latent, a discrete one without end, a plate that draws rows or parameters of its own
            (``pyro.param``), or if its latents, their supports or the density itself are others
            from one run to the next.

    References:
        Pyro: Deep Universal Probabilistic Programming (Bingham et al., 2018), 1810.09538.
    """
    with unchecked():  # which importing Pyro would switch on in the whole process
        pyro = needed("pyro.infer.mcmc.util", "from_pyro", "pyro-ppl")
    check_model("from_pyro", model, args, kwargs)
    with torch.random.fork_rng(devices=[]):
        sites = latent_sites(model, args, kwargs)
        space = Space({name: (s["fn"].support, s["value"].shape) for name, s in sites.items()})
        transforms = {n: bijection_to(s, n).inv for n, s in space.supports.items()}
        watched = Watched(model, set(sites))
        try:
            _, potential, *_ = pyro.initialize_model(watched, args, kwargs, transforms=transforms)
        except ValueError as error:
            raise ValueError(without_trace(str(error))) from error
        start = space.unconstrain({name: site["value"].detach() for name, site in sites.items()})
        return PyroTarget(space, potential, start)


@final
class PyroTarget(Target):
    """The density of a Pyro model; see `from_pyro`.

    Args:
        space: Its latents.
        potential: The negative log-density of unconstrained values by name.
        start: A vector ``(D,)`` at which the density is tried.

    Raises:
        ValueError: If it is another each time.
    """

    def __init__(self, space: Space, potential: Potential, start: Tensor) -> None:
        super().__init__(space)
        self.potential = potential
        self.captured = Captured(self.of_one)
        self.register_buffer("start", start, persistent=False)  # whose type is the model's
        if not torch.equal(self.of_one(start), self.of_one(start)):
            raise ValueError(
                "the density of the model must be the same whenever it is asked for at one point: "
                "this one draws numbers besides its sample sites, such as the rows of a "
                "mini-batch; give it all rows, or write it for Target.of_data"
            )

    def of_one(self, u: Tensor) -> Tensor:
        """Return the log-density of one vector, ``(D,)`` to ``()``."""
        import pyro

        slots = self.space.slots.items()
        parts = {name: u[slot.start : slot.stop].reshape(slot.flat) for name, slot in slots}
        with unchecked(), pyro.validation_enabled(False):  # checks read values
            return -self.potential(parts)

    def log_density(self, u: Tensor, states: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the log-joint of reals."""
        return self.captured(u)

    def estimate(self, u: Tensor, batch: Batch) -> Tensor:
        """Return the log-joint of reals: there are no parts."""
        return self.log_density(u)


def without_trace(message: str) -> str:
    """Return a message of Pyro in one line, without the shapes of all sites."""
    told, shapes, _ = message.partition("Trace Shapes:")
    if not shapes:
        return message
    return f"the model has no density of its observations: {' '.join(told.split())}"
