"""Chains of latents that are inferred in one order and generated in the other."""

__all__ = ["Link", "bottom_up"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch.distributions import Distribution

from vae.distributions.at_draw import at_draw
from vae.distributions.sampling import check_latent, in_logarithms
from vae.draws.draws import Asked, Draws
from vae.draws.undrawn import LATER
from vae.trace import Latent

Values = Mapping[str, Tensor]  # what the nets read of the latents that were chosen so far


@dataclass(frozen=True)
class Link:
    """One latent of a chain.

    Args:
        name: Of the variable; no two of a model have the same.
        q: Makes q(z_i | z_1, …, z_{i−1}, x), batch shape ``(B,)`` or ``(K, B)``, of the values
            below it, ``(K, B, *event)`` each; what it reads of x is to be read inside.
        p: Makes p(z_i | z_{i+1}, …, z_L) of the values above it.
        event: Shape of one value, if it is known: values that are given are looked at.
    """

    name: str
    q: Callable[[Values], Distribution]
    p: Callable[[Values], Distribution]
    event: Sequence[int] | None = None

    def asked(self, values: Values, p: Distribution | None = None) -> Asked:
        """Return it as ways of choosing are asked for it."""
        prior = (lambda: self.p(values)) if p is None else p
        return Asked(self.name, lambda: self.q(values), prior, None, False, self.event)


def bottom_up(draws: Draws, links: Sequence[Link]) -> Values:
    r"""Choose the latents of a chain whose posterior goes up and whose prior goes down.

    .. math::
        q(z|x) = \prod_{i=1}^{L} q(z_i | z_{<i}, x), \qquad p(z) = \prod_{i=L}^{1} p(z_i | z_{>i})

    Where latents come from q, all are drawn from the lowest to the highest, and only then are the
    priors made; where they come from p, from the highest to the lowest. The prior of a level below
    the highest hangs on a draw that was given its own: it has no closed divergence, see
    `vae.distributions.at_draw`, and the terms :math:`E[\log q(z_i|\cdot) - \log p(z_i|\cdot)]` of
    the levels are a divergence in sum alone. A chain whose posterior
    goes down too, as that of a ladder, needs nothing but `Draws.latent`, level by level.

    Args:
        draws: Chooses the values.
        links: The latents from the lowest, next to x, to the highest.

    Returns:
        The value of each, ``(K, B, *event)``, by name.

    Raises:
        ValueError: If the model has another latent of a name, or a distribution another batch
            shape.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.

    Example:
        >>> import torch
        >>> from torch.distributions import Independent, Normal
        >>> from vae.draws import FromPrior
        >>> normal = lambda loc: Independent(Normal(loc, 1.0), 1)
        >>> low = Link("z1", q=lambda z: normal(torch.ones(5, 2)), p=lambda z: normal(z["z2"]))
        >>> top = Link("z2", q=lambda z: normal(z["z1"]), p=lambda z: normal(torch.zeros(2)))
        >>> {name: tuple(z.shape) for name, z in bottom_up(FromPrior(3), [low, top]).items()}
        {'z2': (1, 3, 2), 'z1': (1, 3, 2)}
    """
    values: dict[str, Tensor] = {}
    if draws.downwards:
        for link in reversed(links):
            values[link.name] = draws.chosen(link.asked(values)).point
        return values
    for link in links:
        values[link.name] = draws.chosen(link.asked(values, LATER)).point
    for link in links:
        latent = draws.latents[link.name]
        if latent.p is LATER:
            p = in_logarithms(link.p(values))
            draws.latents[link.name] = with_prior(latent, p if link is links[-1] else at_draw(p))
    return values


def with_prior(latent: Latent, p: Distribution) -> Latent:
    """Return a latent with its prior, which it was chosen without."""
    check_latent(latent.name, latent.q, p, latent.z, latent.weight)
    return replace(latent, p=p)
