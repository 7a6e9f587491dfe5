"""What every model is: a map from a batch to a trace, and what a user does with it afterwards."""

__all__ = ["Model"]

from abc import ABC, abstractmethod
from math import log

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import Likelihood
from vae.models.border import check_examples
from vae.models.standardize import Standardize
from vae.trace import Trace

DECODED = 500  # latents that are decoded at once where samples are drawn


class Model(nn.Module, ABC):
    """A latent-variable model of x with an approximate posterior.

    x is in the units of the data wherever it is given or returned, and densities are of such x;
    what `standardized` returns is for nets and for distances between examples. ``context`` is what
    the model is conditioned on, ``(B, ...)``, or ``None``.

    Args:
        standardize: Mean and width of each dimension of the data, if its nets see standardised x.
    """

    def __init__(self, standardize: Standardize | None = None) -> None:
        super().__init__()
        self.standardize = standardize

    def standardized(self, x: Tensor) -> Tensor:
        """Return x as the nets see it, ``(*lead, *event)``: the same if nothing standardises."""
        return x if self.standardize is None else self.standardize(x)

    def restored(self, px: Distribution) -> Distribution:
        """Return the distribution of x, where `px` is that of what `standardized` returns."""
        return px if self.standardize is None else self.standardize.restored(px)

    def check(self, x: Tensor, *, scored: bool = False) -> None:
        """Refuse what is no batch of examples; see `check_examples`.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If its shape or its values are not those of the data.
        """
        first = next(self.parameters(), None)
        dtype = None if first is None or self.standardize is not None else first.dtype
        exact = self.standardize is not None and self.standardize.shift.dtype == torch.float64
        check_examples(x, self.likelihood, dtype=dtype, exact=exact, scored=scored)

    @property
    @abstractmethod
    def likelihood(self) -> Likelihood:
        """The head of p(x|z)."""

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None, num_samples: int = 1) -> Trace:
        """Encode ``(B, *event)``, draw ``num_samples`` latents per example and decode them."""

    @abstractmethod
    def encode(self, x: Tensor, context: Tensor | None = None) -> Distribution:
        """Return q(z|x), batch shape ``(B,)``.

        Grey values are allowed where the likelihood is one of bits.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If its shape is another, or a value not finite or outside the support.
        """

    @abstractmethod
    def decode(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        """Return p(x|z) for latents ``(*lead, *latent)``, batch shape ``lead``.

        Raises:
            ValueError: If the latents have another shape.
        """

    @abstractmethod
    def embed(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return one latent point per example, the centre of q(z|x), ``(B, *latent)``."""

    @abstractmethod
    def sample_latents(self, n: int, *, temperature: float = 1.0) -> Tensor:
        """Draw ``n`` latents from the prior, ``(n, *latent)``."""

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, noise: bool = False) -> Tensor:
        """Generate ``n`` examples.

        Args:
            n: How many.
            temperature: Scale of the prior's spread, above 0; below 1 gives more typical examples.
            noise: Draw x from p(x|z) instead of returning its mean.

        Returns:
            ``(n, *event)``.
        """
        # Some at a time: the activations of ten thousand pictures leave every cache and the memory.
        parts = self.sample_latents(n, temperature=temperature).split(DECODED)
        each = (self.decode(z) for z in parts)
        return torch.cat([px.sample() if noise else px.mean for px in each])

    @torch.no_grad()
    def reconstruct(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the mean of p(x|z) at the centre of q(z|x), ``(B, *event)``; see `encode`."""
        return self.decode(self.embed(x, context), context).mean

    @abstractmethod
    def log_weights(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        num_samples: int,
        max_rows: int = 4096,
    ) -> Tensor:
        """Return importance weights log p(x, z_k) − log q(z_k|x), ``(K, B)``, without gradient.

        Args:
            x: ``(B, *event)``.
            context: What the model is conditioned on, ``(B, ...)``.
            num_samples: Number of samples K per example, at least 1.
            max_rows: How many latents are decoded at once, which bounds the memory; the draws do
                not depend on it.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If ``num_samples`` or ``max_rows`` is below 1, the shape of x is another, or
                a value not finite or outside the support of the likelihood.
        """

    def log_likelihood(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        num_samples: int,
        max_rows: int = 4096,
    ) -> Tensor:
        r"""Estimate log p(x) by importance sampling, ``(B,)``, in nats.

        :math:`\log \frac1K \sum_k p(x, z_k) / q(z_k|x)`, a lower bound in expectation that rises
        to log p(x) with K. Arguments as for `log_weights`.

        References:
            Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
        """
        log_w = self.log_weights(x, context, num_samples=num_samples, max_rows=max_rows)
        return (log_w.double().logsumexp(0) - log(num_samples)).to(log_w.dtype)
