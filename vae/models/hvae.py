"""A hierarchy of vectors whose posterior goes from the data up."""

__all__ = ["HVAE"]

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Self

from torch import nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.distributions import Conditional, Head, Likelihood
from vae.draws import Draws, Link, bottom_up
from vae.draws.bottom_up import Values
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.parts import Parts
from vae.priors import check_stated
from vae.spec import DataSpec


class HVAE(Model):
    r"""Levels z_1, …, z_L, generated from the top and inferred from the bottom.

    .. math::
        p(x, z) = p(z_L) \prod_{i=1}^{L-1} p(z_i|z_{i+1})\; p(x|z_1), \qquad
        q(z|x) = q(z_1|x) \prod_{i=1}^{L-1} q(z_{i+1}|z_i)

    The latents are called ``z1``, next to x, to ``zL``.

    Args:
        encoder: q(z_1|x).
        decoder: p(x|z_1).
        ups: q(z_{i+1}|z_i) from the lowest to the highest, one less than there are levels.
        downs: p(z_i|z_{i+1}) in the same order.
        prior: p(z_L).
        standardize: What stands between x and the nets, if the data are to be standardised.

    Raises:
        ValueError: If there are not as many of one as of the other, or a prior has latents of
            another kind or shape than the posterior.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        ups: Sequence[Conditional],
        downs: Sequence[Conditional],
        prior: nn.Module,
        *,
        standardize: Standardize | None = None,
    ) -> None:
        super().__init__(standardize)
        if len(ups) != len(downs):
            raise ValueError(f"as many ups as downs are needed; got {len(ups)} and {len(downs)}")
        check_stated(ups[-1] if ups else encoder, prior)
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.ups, self.downs = nn.ModuleList(ups), nn.ModuleList(downs)

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        lower_dims: Sequence[int],
        encoder: Mapping[str, Any],
        between: Mapping[str, Any],
        decoder: Mapping[str, Any],
    ) -> Self:
        """Build it of the groups posterior, prior and likelihood; see `Model.build`.

        Args:
            spec: Of the data.
            parts: The other groups.
            latent_dim: Number of latent variables of the highest level, at least 1.
            lower_dims: Of each level below, next to x first.
            encoder: The net from x to the parameters of q(z_1|x).
            between: The nets from level to level, up and down.
            decoder: The net from z_1 to the parameters of p(x|z_1).

        Raises:
            ValueError: If a setting is wrong, or parts do not fit together.
        """
        heads = [parts.posterior(latent_dim=dim) for dim in (*lower_dims, latent_dim)]
        net = partial(parts.conditional, between, "between")
        steps = list(pairwise(heads))
        return cls(
            parts.conditional(encoder, "encoder", heads[0], in_shape=spec.shape),
            parts.conditional(
                decoder, "decoder", parts.likelihood(spec), in_shape=heads[0].event_shape
            ),
            [net(above, in_shape=below.event_shape) for below, above in steps],
            [net(below, in_shape=above.event_shape) for below, above in steps],
            parts.prior(heads[-1], latent_dim=latent_dim),
            standardize=Standardize(spec.shape) if spec.standardized else None,
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|z_1)."""
        return self.decoder.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose the levels, whichever goes first, and decode the lowest."""
        count = 1 + len(self.ups)
        events = [event_of(part) for part in (self.encoder, *self.ups)]
        q: list[Callable[[Values], Distribution]]
        q = [lambda _: self.encoder(self.standardized(batch["x"]))]
        q += [partial(given, up, f"z{i}") for i, up in enumerate(self.ups, 1)]
        p: list[Callable[[Values], Distribution]]
        p = [partial(given, down, f"z{i}") for i, down in enumerate(self.downs, 2)]
        p += [lambda _: self.prior()]
        links = [Link(f"z{i + 1}", q[i], p[i], events[i]) for i in range(count)]
        z = bottom_up(draws, links)
        draws.observe("x", lambda: self.restored(self.decoder(z["z1"])), batch.get("x"))


def given(part: nn.Module, name: str, values: Values) -> Distribution:
    """Return a part given the value of one level."""
    distribution: Distribution = part(values[name])
    return distribution


def event_of(part: nn.Module) -> tuple[int, ...] | None:
    """Return the shape of one latent of a posterior, if it says so."""
    head = getattr(part, "head", None)
    return head.event_shape if isinstance(head, Head) else None
