"""The variational autoencoder with one latent variable."""

__all__ = ["VAE"]

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

from torch import nn

from vae.batch import Batch
from vae.distributions import Conditional, Likelihood
from vae.draws import Draws
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.parts import Parts
from vae.priors import check_stated
from vae.spec import DataSpec


class VAE(Model):
    """p(x, z) = p(z) p(x|z) with the approximate posterior q(z|x).

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: p(z): a `Prior`, or any module that returns a distribution.
        standardize: What stands between x and the nets, if the data are to be standardised.
        given: Further fields of a batch, such as ``label``, that encoder, decoder and prior are
            given after their own input.

    Raises:
        ValueError: If encoder and prior say that they have latents of different kinds or shapes.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module,
        *,
        standardize: Standardize | None = None,
        given: Sequence[str] = (),
    ) -> None:
        super().__init__(standardize)
        check_stated(encoder, prior)
        self.given = tuple(given)
        self.fields = ("x", *given)
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
    ) -> Self:
        """Build it of the groups posterior, prior and likelihood; see `Model.build`.

        Every part may ask for ``latent_dim``; the prior for ``latent_shape`` and ``encoder`` too.

        Args:
            spec: Of the data.
            parts: The other groups.
            latent_dim: Number of latent variables, at least 1.
            encoder: The net from x to the parameters of q(z|x).
            decoder: The net from z to the parameters of p(x|z).
        """
        parts = parts.knowing(latent_dim=latent_dim)
        likelihood, posterior = parts.likelihood(spec), parts.posterior()
        shape = posterior.event_shape
        q = parts.conditional(encoder, "encoder", posterior, in_shape=spec.shape)
        px = parts.conditional(decoder, "decoder", likelihood, in_shape=shape)
        prior = parts.prior(posterior, encoder=q)
        return cls(q, px, prior, standardize=Standardize(spec.shape) if spec.standardized else None)

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|z)."""
        head = self.decoder.head
        assert isinstance(head, Likelihood)
        return head

    def run(self, batch: Batch, draws: Draws) -> None:
        """Encode x once and decode as many latents of each example as are drawn."""
        given = [batch[name] for name in self.given]
        z = draws.latent(
            "z",
            q=lambda: self.encoder(self.standardized(batch["x"]), *given),
            p=partial(self.prior, *given),
            event=self.event,
        )
        draws.observe("x", lambda: self.restored(self.decoder(z, *given)), batch.get("x"))

    @property
    def event(self) -> tuple[int, ...] | None:
        """Shape of one latent, if the encoder says it."""
        return self.encoder.head.event_shape if isinstance(self.encoder, Conditional) else None
