"""The variational autoencoder with one latent variable."""

__all__ = ["VAE"]

from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import Conditional, Likelihood, center, draw, tempered
from vae.models.model import Model
from vae.trace import Latent, Trace


class VAE(Model):
    """p(x, z) = p(z) p(x|z) with the approximate posterior q(z|x).

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: p(z): a `Prior`, or any module that returns a distribution.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    def __init__(self, encoder: Conditional, decoder: Conditional, prior: nn.Module) -> None:
        super().__init__()
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
        q = self.encode(x, context)
        z, log_q = draw(q, num_samples)
        px = self.decode(z, context)
        return Trace(x, px, (Latent(q, self.prior(*given(context)), z, log_q),))

    def encode(self, x: Tensor, context: Tensor | None = None) -> Distribution:
        """Return q(z|x), batch shape ``(B,)``."""
        return self.encoder(x, *given(context))

    def decode(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        """Return p(x|z) for latents ``(*lead, *latent)``, batch shape ``lead``."""
        return self.decoder(z, *given(context))

    def embed(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the centre of q(z|x), ``(B, *latent)``."""
        return center(self.encode(x, context))

    def sample_latents(self, n: int, *, temperature: float = 1.0) -> Tensor:
        """Draw ``n`` latents from the prior, ``(n, *latent)``.

        Raises:
            ValueError: If ``n`` is below 1 or the temperature is not positive.
        """
        if n < 1 or not temperature > 0:
            raise ValueError(f"n starts at 1 and temperature above 0; got {n} and {temperature}")
        p = self.prior()
        return (p if temperature == 1 else tempered(p, temperature)).sample((n,))


def given(context: Tensor | None) -> tuple[Tensor, ...]:
    """Return what is handed to a conditional besides its own input."""
    return () if context is None else (context,)
