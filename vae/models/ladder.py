"""A hierarchy of vectors whose posterior goes down with the prior: the ladder."""

__all__ = ["LadderVAE"]

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Self

from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.distributions import Conditional, Likelihood, NormalPosterior, precision_weighted
from vae.draws import Draws
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.parts import Parts
from vae.priors import check_stated
from vae.spec import DataSpec


class LadderVAE(Model):
    r"""Levels z_1, …, z_L whose posterior corrects the prior by what x says of each.

    A deterministic pass upwards, d_1 = f_1(x) and d_{i+1} = f_{i+1}(d_i), gives an estimate
    :math:`\hat q_i(z_i|x)` of each level. The highest is the posterior itself, and below it is
    merged with the prior, by precision:

    .. math::
        q(z_i|z_{i+1}, x) \propto p(z_i|z_{i+1})\, \hat q_i(z_i|x)

    Posterior and prior share the way down. The latents are called ``z1``, next to x, to ``zL``.
    There is no batch normalisation, which the paper has: an example's density does not depend on
    the others'.

    Args:
        features: f_1, …, f_L.
        estimates: The estimates, given d_1, …, d_L: diagonal normal distributions.
        decoder: p(x|z_1).
        downs: p(z_i|z_{i+1}) from the lowest, diagonal normal, one less than there are levels.
        prior: p(z_L).
        standardize: What stands between x and the nets, if the data are to be standardised.

    Raises:
        ValueError: If there are not as many of each, or a prior has latents of another kind or
            shape than the posterior.

    References:
        Ladder Variational Autoencoders (Sønderby et al., 2016), 1602.02282.
    """

    def __init__(
        self,
        features: Sequence[nn.Module],
        estimates: Sequence[Conditional],
        decoder: Conditional,
        downs: Sequence[Conditional],
        prior: nn.Module,
        *,
        standardize: Standardize | None = None,
    ) -> None:
        super().__init__(standardize)
        if not len(features) == len(estimates) == len(downs) + 1:
            raise ValueError(
                "a ladder of L levels has L features, L estimates and L − 1 downs; got "
                f"{len(features)}, {len(estimates)} and {len(downs)}"
            )
        check_stated(estimates[-1], prior)
        self.features, self.estimates = nn.ModuleList(features), nn.ModuleList(estimates)
        self.decoder, self.downs, self.prior = decoder, nn.ModuleList(downs), prior

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        lower_dims: Sequence[int],
        num_features: int = 256,
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
            num_features: Size of each d_i, at least 1.
            encoder: The net from x to d_1.
            between: The nets from d_i to d_{i+1}, and those from z_{i+1} to p(z_i|z_{i+1}).
            decoder: The net from z_1 to the parameters of p(x|z_1).

        Raises:
            ValueError: If the posterior is not the normal one, or parts do not fit together.
        """
        top = parts.posterior(latent_dim=latent_dim)
        if not isinstance(top, NormalPosterior):
            raise ValueError(
                f"a ladder merges normal distributions; got posterior {type(top).__name__}: "
                "use posterior=normal, or model=hvae"
            )
        heads = [*(parts.posterior(latent_dim=dim) for dim in lower_dims), top]
        size = (num_features,)
        up = partial(parts.net, between, "between", in_shape=size, out_shape=size)
        down = partial(parts.conditional, between, "between")
        likelihood, low = parts.likelihood(spec), heads[0].event_shape
        return cls(
            [
                parts.net(encoder, "encoder", in_shape=spec.shape, out_shape=size),
                *(up() for _ in lower_dims),
            ],
            [Conditional(nn.Linear(num_features, head.param_shape[0]), head) for head in heads],
            parts.conditional(decoder, "decoder", likelihood, in_shape=low),
            [down(below, in_shape=above.event_shape) for below, above in pairwise(heads)],
            parts.prior(heads[-1], latent_dim=latent_dim),
            standardize=Standardize(spec.shape) if spec.standardized else None,
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|z_1)."""
        return self.decoder.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Look at x once, then choose the levels from the highest down, and decode the lowest."""
        estimates = draws.infer(lambda: self.look(batch["x"]))
        p: Any = self.prior
        z: Tensor | None = None
        for i in reversed(range(len(self.estimates))):
            if z is not None:
                p = draws.infer(partial(self.downs[i], z))
            q = partial(self.posterior, estimates, i, p)
            z = draws.latent(f"z{i + 1}", q=q, p=p, event=self.event(i))
        assert z is not None
        draws.observe("x", lambda: self.restored(self.decoder(z)), batch.get("x"))

    def look(self, x: Tensor) -> list[Distribution]:
        """Return what x says of each level, batch shape ``(B,)``."""
        d, found = self.standardized(x), []
        for feature, estimate in zip(self.features, self.estimates, strict=True):
            d = feature(d)
            found.append(estimate(d))
        return found

    def posterior(self, estimates: Any, i: int, p: Any) -> Distribution:
        """Return q of a level: the estimate, and below the highest its product with p."""
        estimate: Distribution = estimates()[i]
        return estimate if i == len(self.downs) else precision_weighted(estimate, p())

    def event(self, i: int) -> tuple[int, ...]:
        """Return the shape of one latent of a level."""
        part = self.estimates[i]
        assert isinstance(part, Conditional)
        return part.head.event_shape
