"""How the values of a model's variables are chosen, in one run of it.

A model is written once, as `Model.run`; whether its latents are drawn from q or p, given, or taken
at the centre of q is what it is run under. A part of the model is a function where it is only
wanted in some runs: it is called at once or not at all, never later.
"""

__all__ = ["Asked", "Draws", "Posterior", "count_rows", "made"]

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar, overload

from torch import Tensor
from torch.distributions import Distribution

from vae.batch import Batch
from vae.distributions.sampling import (
    check_latent,
    check_observed,
    check_rows,
    draw_rows,
    in_logarithms,
    points,
)
from vae.draws.along import Along, settled
from vae.draws.undrawn import NOT_MADE, NotMade, as_a_whole
from vae.trace import Latent, Observed, Trace

T = TypeVar("T")
Made = Distribution | Callable[[], Distribution]


class Asked(NamedTuple):
    """A latent variable as a model describes it; see `Draws.latent` and `Draws.given`."""

    name: str
    q: Callable[[], Distribution]
    p: Made
    weight: Tensor | float | None
    shared: bool
    event: Sequence[int] | None
    drawn: bool = True

    def latent(
        self,
        q: Distribution,
        p: Distribution,
        z: Tensor,
        log_q: Tensor | None = None,
        point: Tensor | None = None,
    ) -> Latent:
        """Return the variable with its value."""
        return Latent(self.name, q, p, z, log_q, point, self.weight, self.shared)


class Draws(Along):
    """A way of choosing values, and what one run chose by it.

    Args:
        likelihoods: Whether the likelihoods that are functions are called.
        num_examples: How many examples share the variables that are shared, at least 1.

    Attributes:
        observed: What was observed, by name.
        pending: Whether a likelihood was left out.
        downwards: Whether `bottom_up` goes from the top of a chain, as its prior does.
    """

    def __init__(self, *, likelihoods: bool = True, num_examples: int = 1) -> None:
        self.likelihoods = likelihoods
        self.num_examples = num_examples
        self.latents: dict[str, Latent] = {}
        self.observed: dict[str, Observed] = {}
        self.pending = self.downwards = False
        self.num_rows: int | None = None  # how many examples there are, if that is known

    @property
    def named(self) -> Collection[str]:
        """Names of variables that were given to it."""
        return ()

    def refuse_unknown(self) -> None:
        """Refuse a name that was given and is none of a latent variable, after a run.

        Raises:
            ValueError: If there is one.
        """
        if unknown := [name for name in self.named if name not in self.latents]:
            raise ValueError(
                f"the model has no latent {', '.join(unknown)}; it has {', '.join(self.latents)}"
            )

    def latent(
        self,
        name: str,
        *,
        q: Callable[[], Distribution],
        p: Made,
        weight: Tensor | None = None,
        shared: bool = False,
        event: Sequence[int] | None = None,
    ) -> Tensor:
        """Choose the value of a latent variable.

        Args:
            name: Of the variable; no two of a model have the same.
            q: Makes q(z|x), batch shape ``(B,)``; ``(K, B)`` if it is given earlier latents; ``()``
                if the variable is shared. Whatever it reads of x is to be read inside.
            p: The prior p(z), batch shape ``()``, ``(B,)`` or ``(K, B)``, or what makes it.
            weight: How much its densities count, broadcastable to ``(K, B)``: 0 where an example
                has no such variable, whose q and p must be finite all the same; ``None`` counts
                all once.
            shared: Whether all examples share it, as weights of a net.
            event: Shape of one value, if it is known: values that are given are looked at.

        Returns:
            Its value, ``(K, B, *event)``, ``(K, 1, *event)`` if it is shared.

        Raises:
            ValueError: If there is one of the name, or a distribution has another batch shape.
        """
        if shared and weight is not None:
            raise ValueError(f"{name} is shared by all examples: it takes no weight of each")
        counts = 1 / self.num_examples if shared else weight
        return self.chosen(Asked(name, q, p, counts, shared, event)).point

    def given(
        self, name: str, *, q: Callable[[], Distribution], p: Made, event: Sequence[int]
    ) -> Tensor | None:
        """Return the value of a shared latent variable, unless it would be drawn from q.

        For a model that can take q as a whole, as local reparameterization does: there is no draw,
        and the trace knows the variable by its KL alone. Arguments as for `latent`.

        Returns:
            ``(K, 1, *event)``, or ``None``: the model is to take q as a whole.

        Raises:
            ValueError: If there is one of the name, or a distribution has another batch shape.
        """
        latent = self.chosen(Asked(name, q, p, 1 / self.num_examples, True, event, drawn=False))
        return latent.point if latent.drawn else None

    def chosen(self, asked: Asked) -> Latent:
        """Choose the value of a variable and keep it."""
        if asked.name in self.latents:
            raise ValueError(f"the model has two latents named {asked.name}")
        latent = self.choose(asked)
        if not isinstance(latent.p, NotMade) and not isinstance(latent.q, NotMade):
            check_latent(asked.name, latent.q, latent.p, latent.z, latent.weight)
        self.latents[asked.name] = latent
        return latent

    @overload
    def observe(
        self,
        name: str,
        px: Distribution,
        x: Tensor | None = None,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor: ...

    @overload
    def observe(
        self,
        name: str,
        px: Callable[[], Distribution],
        x: Tensor | None = None,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor | None: ...

    def observe(
        self,
        name: str,
        px: Made,
        x: Tensor | None = None,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor | None:
        """Say what p(x|z) is.

        Args:
            name: Of the variable; no two of a model have the same.
            px: The likelihood p(x|z), batch shape ``(K, B)``, or what makes it: then it is made
                only where it is wanted, some latents at a time.
            x: Its values, ``(B, *event)``; ``None`` if they are not known.
            weight: How much its density counts, broadcastable to ``(K, B)``: 0 where an example
                lacks the variable; ``None`` counts all once.
            mask: Which values count, bool ``(B, *event)``; ``None`` means all.

        Returns:
            The values to go on with: those that are known, else a draw ``(K, B, *event)`` of a
            likelihood that was given as a distribution, and ``None`` for one that is a function.

        Raises:
            ValueError: If there is one of the name.
        """
        if name in self.observed:
            raise ValueError(f"the model observes two variables named {name}")
        if not isinstance(px, Distribution):
            if not self.likelihoods:
                self.pending = True
                return x
            px = px()
        elif x is None:
            x = px.sample()
        if x is not None and self.num_rows is not None:
            check_observed(name, px, x, weight, mask, self.num_rows)
        self.observed[name] = Observed(name, px, x, weight, mask)
        return x

    def infer(self, function: Callable[[], T]) -> Callable[[], T]:
        """Return a function that computes something at its first call only, and keeps it.

        For what several posteriors read of x: it is computed only if one of them is made.
        """
        kept: list[T] = []

        def once() -> T:
            if not kept:
                kept.append(function())
            return kept[0]

        return once

    @abstractmethod
    def choose(self, asked: Asked) -> Latent:
        """Return a variable with its value, and with the distributions that this way makes."""

    def trace(self, rerun: Callable[["Draws"], None] | None = None) -> Trace:
        """Return what the run said."""
        latents = tuple(self.latents.values())
        latents = latents if len(latents) < 2 else settled(latents)
        return Trace(latents, tuple(self.observed.values()), rerun, self.num_examples)


class Posterior(Draws):
    """z ~ q(z|x), with gradients where q has them.

    Args:
        num_samples: K, at least 1.
        proposals: Distributions to draw some of the variables from in place of their q.
        priors: Whether the priors are made.
        whole: Whether a model may take q as a whole where it can; see `Draws.given`.
        likelihoods: As of `Draws`.
        num_examples: As of `Draws`.
    """

    def __init__(
        self,
        num_samples: int = 1,
        *,
        proposals: Mapping[str, Distribution] | None = None,
        priors: bool = True,
        whole: bool = True,
        likelihoods: bool = True,
        num_examples: int = 1,
    ) -> None:
        super().__init__(likelihoods=likelihoods, num_examples=num_examples)
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1; got {num_samples}")
        self.num_samples = num_samples
        self.proposals = proposals
        self.priors = priors
        self.whole = whole

    @property
    def named(self) -> Collection[str]:
        """Names of the proposals."""
        return self.proposals or ()

    def choose(self, asked: Asked) -> Latent:
        """Return the variable with a draw from q."""
        proposed = None if self.proposals is None else self.proposals.get(asked.name)
        q = in_logarithms(asked.q() if proposed is None else proposed)
        check_rows(asked.name, q, self.num_rows)
        if self.whole and not asked.drawn and proposed is None:
            p = made(asked.p) if self.priors else NOT_MADE
            return as_a_whole(asked.latent(q, p, q.mean), self.num_samples)
        z, log_q = draw_rows(q, self.num_samples, asked.name, shared=asked.shared)
        p = in_logarithms(made(asked.p)) if self.priors else NOT_MADE
        return asked.latent(q, p, z, log_q, points(q, z))


def count_rows(batch: Batch) -> int:
    """Return how many examples a batch has, or raise a ``ValueError`` if it has no field."""
    for value in batch.values():
        return len(value)
    raise ValueError("a batch must have a field, such as x; got none")


def made(p: Made) -> Distribution:
    """Return a distribution that may have to be made first."""
    return p if isinstance(p, Distribution) else p()
