"""The variational autoencoder with one latent variable."""

__all__ = ["VAE"]

from collections.abc import Iterator
from math import inf

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.checks import check_int
from vae.distributions import (
    Conditional,
    Likelihood,
    center,
    draw,
    in_logarithms,
    points,
    tempered,
)
from vae.models.border import check_latent_shape
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.trace import Latent, Trace

DRAWN = 4096  # latents drawn at once: fixed, so that no draw depends on how many are decoded


class VAE(Model):
    """p(x, z) = p(z) p(x|z) with the approximate posterior q(z|x).

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: p(z): a `Prior`, or any module that returns a distribution.
        standardize: What stands between x and the nets, if the data are to be standardised.

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
    ) -> None:
        super().__init__(standardize)
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|z)."""
        head = self.decoder.head
        assert isinstance(head, Likelihood)
        return head

    def forward(self, x: Tensor, context: Tensor | None = None, num_samples: int = 1) -> Trace:
        """Encode ``(B, *event)`` once and decode ``num_samples`` latents per example."""
        q = in_logarithms(self.encoder(self.standardized(x), *given(context)))
        z, log_q = draw(q, num_samples)
        point = points(q, z)
        px = self.restored(self.decoder(point, *given(context)))
        p = in_logarithms(self.prior(*given(context)))
        return Trace(x, px, (Latent(q, p, z, log_q, point),))

    def encode(self, x: Tensor, context: Tensor | None = None) -> Distribution:
        """Return q(z|x), batch shape ``(B,)``; see `Model`."""
        self.check(x)
        return self.encoder(self.standardized(x), *given(context))

    def decode(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        """Return p(x|z) for latents ``(*lead, *latent)``, batch shape ``lead``; see `Model`."""
        if isinstance(self.encoder, Conditional):
            check_latent_shape(z, self.encoder.head.event_shape)
        return self.restored(self.decoder(z, *given(context)))

    def embed(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the centre of q(z|x), ``(B, *latent)``."""
        return center(self.encode(x, context))

    def sample_latents(self, n: int, *, temperature: float = 1.0) -> Tensor:
        """Draw ``n`` latents from the prior, ``(n, *latent)``.

        Raises:
            ValueError: If ``n`` is below 1 or the temperature is not positive.
        """
        check_int("n", n)
        if not 0 < temperature < inf:
            raise ValueError(f"temperature must be above 0 and finite; got {temperature}")
        p = self.prior()
        return (p if temperature == 1 else tempered(p, temperature)).sample((n,))

    @torch.no_grad()
    def log_weights(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        num_samples: int,
        max_rows: int = 4096,
        q: Distribution | None = None,
    ) -> Tensor:
        """Return importance weights log p(x, z_k) − log q(z_k), ``(K, B)``; see `Model`.

        ``q`` is another proposal than the encoder's, batch shape ``(B,)``.
        """
        check_int("num_samples", num_samples)
        check_int("max_rows", max_rows)
        self.check(x, scored=True)
        u = self.standardized(x)
        q = in_logarithms(self.encoder(u, *given(context)) if q is None else q)
        p = in_logarithms(self.prior(*given(context)))
        step = max(1, DRAWN // len(x))
        # Made first: pieces that are kept, between slices that are not, would scatter the heap.
        result = u.new_empty(num_samples, len(x))
        for done in range(0, num_samples, step):
            z, known_log_q = draw(q, min(step, num_samples - done))
            log_q = q.log_prob(z) if known_log_q is None else known_log_q
            parts = z.split(max(1, max_rows // len(x)))
            log_p = torch.cat([p.log_prob(part) for part in parts])
            log_px = self.log_px(x, points(q, z), context, max_rows)
            result[done : done + step] = log_px + log_p - log_q
        return result

    def log_px(self, x: Tensor, z: Tensor, context: Tensor | None, max_rows: int) -> Tensor:
        """Return log p(x|z) of latents ``(K, B, *latent)``, ``(K, B)``, decoded a slice at once."""
        result = z.new_empty(z.shape[:2])
        for k, b in slices(len(z), len(x), max_rows):
            part = None if context is None else context[b]
            result[k, b] = self.decode(z[k, b], part).log_prob(x[b])
        return result


def slices(num_samples: int, num_examples: int, max_rows: int) -> Iterator[tuple[slice, slice]]:
    """Cut ``(K, B)`` into rectangles of at most ``max_rows`` latents, samples first."""
    width = min(num_examples, max_rows)
    height = max_rows // width
    for b in range(0, num_examples, width):
        for k in range(0, num_samples, height):
            yield slice(k, k + height), slice(b, b + width)


def given(context: Tensor | None) -> tuple[Tensor, ...]:
    """Return what is handed to a conditional besides its own input."""
    return () if context is None else (context,)
