"""Densities that hold at one draw alone, so that they have no divergence."""

__all__ = ["AtDraw", "at_draw"]

from typing import Any

from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions.constraints import Constraint
from torch.types import _size

from vae.distributions.joint import Joint


class AtDraw(Distribution):
    r"""p(z|u) where u was drawn given z, as above a level of a chain that is inferred upwards.

    There :math:`E[\log q(z|x) - \log p(z|u)]` is over z and u together. The closed form
    :math:`KL(q(z|x) ‖ p(z|u))` at a draw of u is over another z, that has nothing to do with u, and
    is too large. No rule is registered for this kind, so that the divergence is taken at the draw.

    Args:
        p: The distribution, made of u.
    """

    def __init__(self, p: Distribution) -> None:
        self.p = p
        super().__init__(p.batch_shape, p.event_shape, validate_args=False)

    @property
    def support(self) -> Constraint | None:
        """Where its values live."""
        return self.p.support

    @property
    def mean(self) -> Tensor:
        """Its mean."""
        return self.p.mean

    @property
    def variance(self) -> Tensor:
        """The variance of each coordinate."""
        return self.p.variance

    def expand(self, batch_shape: _size, _instance: Any = None) -> "AtDraw":
        """Return the same distribution with another, broadcast batch shape."""
        return AtDraw(self.p.expand(batch_shape))

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, *event)``, without gradient."""
        return self.p.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of a value."""
        return self.p.log_prob(value)


def at_draw(p: Distribution) -> Distribution:
    """Return a distribution without a divergence; of independent dimensions, they stay so."""
    if isinstance(p, Independent):
        return Joint(AtDraw(p.base_dist), p.reinterpreted_batch_ndims)
    return AtDraw(p)
