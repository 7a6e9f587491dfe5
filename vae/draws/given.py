"""Values that do not come from the posterior's draws: of the prior, given, or in its centre."""

__all__ = ["At", "Centers", "FromPrior", "Replay"]

from collections.abc import Collection, Mapping

from torch import Tensor

from vae.distributions.sampling import center, in_logarithms, points
from vae.distributions.tempering import tempered
from vae.draws.draws import Asked, Draws, made
from vae.draws.undrawn import NOT_MADE
from vae.trace import Latent


class FromPrior(Draws):
    """z ~ p(z), without gradient; no posterior is made but of what all examples share.

    What they share, such as weights, was learned: it comes from its posterior, one draw for all.

    Args:
        num_rows: How many, at least 1.
        temperature: Scale of the prior's spread, above 0, of all variables or by name.
        learned: Whether what all examples share comes from its posterior; from its prior otherwise.
        likelihoods: As of `Draws`.
    """

    def __init__(
        self,
        num_rows: int,
        temperature: float | Mapping[str, float] = 1.0,
        *,
        learned: bool = True,
        likelihoods: bool = True,
    ) -> None:
        super().__init__(likelihoods=likelihoods)
        self.count = num_rows
        self.temperature = temperature
        self.learned = learned
        self.downwards = True

    @property
    def named(self) -> Collection[str]:
        """Names of the variables that have a temperature of their own."""
        return self.temperature if isinstance(self.temperature, Mapping) else ()

    def choose(self, asked: Asked) -> Latent:
        """Return the variable with a draw from p, ``(1, num_rows, *event)``."""
        if asked.shared and self.learned:
            q = in_logarithms(asked.q())
            z = q.sample((1, 1))
            return asked.latent(q, NOT_MADE, z, None, points(q, z))
        t = self.temperature
        scale = t.get(asked.name, 1.0) if isinstance(t, Mapping) else t
        p = made(asked.p) if scale == 1 else tempered(made(asked.p), scale)
        count, event = 1 if asked.shared else self.count, p.event_shape
        if p.batch_shape.numel() == 1:  # of all rows the same, or made of what they share
            z = p.sample((count,)).reshape(1, count, *event)
        else:
            z = p.sample().reshape(1, -1, *event)
        return asked.latent(NOT_MADE, p, z)


class Centers(Draws):
    """Z at the centre of q(z|x), each given those before it; no prior is made.

    Args:
        likelihoods: As of `Draws`.
    """

    def choose(self, asked: Asked) -> Latent:
        """Return the variable at the centre of its q, ``(1, B, *event)``."""
        q = asked.q()
        z = center(q)
        return asked.latent(q, NOT_MADE, z[(None,) * (2 - len(q.batch_shape))])


class At(Draws):
    """Values that are given, and of the other variables those that another way chooses.

    What all examples share, such as weights, stands at its centre if nothing else is said of it.

    Args:
        values: What the nets read, by name, ``(K, B, *event)``; of a model of one latent variable
            also that alone, of whatever dimensions before the event.
        rest: Chooses the others; ``None`` means that there are none but shared ones.
        likelihoods: As of `Draws`.
    """

    def __init__(
        self,
        values: Tensor | Mapping[str, Tensor],
        rest: Draws | None = None,
        *,
        likelihoods: bool = True,
    ) -> None:
        super().__init__(likelihoods=likelihoods)
        self.values = values
        self.rest = rest
        self.downwards = rest is not None and rest.downwards

    @property
    def named(self) -> Collection[str]:
        """Names of the values."""
        return () if isinstance(self.values, Tensor) else self.values

    def choose(self, asked: Asked) -> Latent:
        """Return the variable with its value."""
        if isinstance(self.values, Tensor) and not asked.shared:  # which must be the only one
            self.values = {asked.name: self.values}
        if not isinstance(self.values, Tensor) and asked.name in self.values:
            value = self.values[asked.name]
            check_event(asked, value)
            return asked.latent(NOT_MADE, NOT_MADE, value)
        if self.rest is None and asked.shared:
            return CENTERS.choose(asked)
        if self.rest is None:
            given = ", ".join(self.values) or "none"
            raise ValueError(f"the model has a latent {asked.name}; values were given of {given}")
        return self.rest.choose(asked)


class Replay(Draws):
    """The values that an earlier run drew, under densities that are made anew.

    Args:
        draws: Values as they were drawn, by name: `Latent.z`.
        posteriors: Whether the posteriors are made; without them, the values are the last ones that
            have a density.
        priors: Whether the priors are made.
        likelihoods: As of `Draws`.
        num_examples: As of `Draws`.
    """

    def __init__(
        self,
        draws: Mapping[str, Tensor],
        *,
        posteriors: bool = True,
        priors: bool = True,
        likelihoods: bool = True,
        num_examples: int = 1,
    ) -> None:
        super().__init__(likelihoods=likelihoods, num_examples=num_examples)
        self.draws = draws
        self.posteriors = posteriors
        self.priors = priors
        self.downwards = not posteriors

    def choose(self, asked: Asked) -> Latent:
        """Return the variable with the value that it had."""
        q = in_logarithms(asked.q()) if self.posteriors else NOT_MADE
        p = in_logarithms(made(asked.p)) if self.priors else NOT_MADE
        z = self.draws[asked.name]
        return asked.latent(q, p, z, None, points(q if self.posteriors else p, z))


CENTERS = Centers()  # whose method keeps nothing


def check_event(asked: Asked, value: Tensor) -> None:
    """Refuse a value of another shape than ``(*lead, *event)``, where the model says which.

    Raises:
        ValueError: If its last dimensions are others.
    """
    if asked.event is None:
        return
    if value.shape[max(0, value.dim() - len(asked.event)) :] != tuple(asked.event):
        wanted = ", ".join(map(str, asked.event))
        shape = tuple(value.shape)
        raise ValueError(f"{asked.name} has shape {shape}; this model decodes (..., {wanted})")
