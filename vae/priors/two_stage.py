"""The prior that is a VAE over the latents of a VAE."""

__all__ = ["MarginalOfTwo", "TwoStagePrior"]

from collections.abc import Callable, Sequence
from math import exp, log
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.types import _size

from vae.checks import check_int
from vae.distributions import Conditional, LogScaleNormal, NormalPosterior, tempered
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound, soft_bound
from vae.from_data import StartsFromCodes
from vae.networks.conditioned import Conditioned, FieldFeatures
from vae.networks.dense import dense
from vae.priors.parametric_prior import required
from vae.priors.prior import Prior


class MarginalOfTwo(Distribution):
    r"""The distribution :math:`p(z) = \int N(z; μ(u), s² I)\,N(u; 0, I)\,du`.

    It is drawn from exactly. Its log-density is estimated by importance sampling,

    .. math:: \log \frac1K \sum_k \frac{N(z; μ(u_k), s² I)\,N(u_k; 0, I)}{q(u_k|z)}, \quad
        u_k \sim q(u|z)

    of which the exponential is unbiased: put in place of log p(z) in an ELBO, or in the weights of
    importance sampling of log p(x), it gives the bound of the model of both latents, z and u.

    Args:
        decoder: μ: u ``(*lead, E)`` to ``(*lead, D)``, of standardised z.
        encoder: Standardised z to q(u|z), over ``(E,)``.
        log_scale: log s of standardised z, ``(1,)``.
        shift: Mean of z, ``(D,)``.
        scale: Deviation of z, ``(D,)``.
        noise: Of u, ``(K, E)``: with it the density is a function; ``None`` draws one anew.
        temperature: What both deviations are multiplied by, above 0.
    """

    has_rsample = True
    arg_constraints = {}  # noqa: RUF012  (torch's own interface)
    support = constraints.real_vector

    def __init__(
        self,
        decoder: Callable[[Tensor], Tensor],
        encoder: Callable[[Tensor], Distribution],
        log_scale: Tensor,
        shift: Tensor,
        scale: Tensor,
        noise: Tensor | None,
        *,
        latent_dim: int,
        temperature: float = 1.0,
        batch_shape: _size = (),
    ) -> None:
        self.decoder, self.encoder, self.log_scale = decoder, encoder, log_scale
        self.shift, self.scale, self.noise = shift, scale, noise
        self.latent_dim, self.temperature = latent_dim, temperature
        super().__init__(torch.Size(batch_shape), shift.shape, validate_args=False)

    def but(self, **changes: Any) -> "MarginalOfTwo":
        """Return the same distribution but for some arguments."""
        kept = (self.decoder, self.encoder, self.log_scale, self.shift, self.scale, self.noise)
        same = {name: getattr(self, name) for name in ("latent_dim", "temperature", "batch_shape")}
        return MarginalOfTwo(*kept, **{**same, **changes})

    def expand(self, batch_shape: _size, _instance: Any = None) -> "MarginalOfTwo":
        """Return the same distribution with another batch shape."""
        return self.but(batch_shape=batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the estimate for ``(*lead, *batch, D)``, ``(*lead, *batch)``."""
        wide = torch.broadcast_shapes(value.shape, (*self.batch_shape, *self.event_shape))
        z = (value.expand(wide) - self.shift) / self.scale
        q = self.encoder(z)
        if self.noise is None:
            u = q.rsample((1,))
        else:
            noise = self.noise.view(-1, *(1 for _ in wide[:-1]), self.latent_dim)
            u = q.mean + q.stddev * noise
        step = log(self.temperature)
        pz = LogScaleNormal(self.decoder(u), self.log_scale + step).log_prob(z).sum(-1)
        pu = LogScaleNormal(torch.zeros_like(u), torch.full_like(u, step)).log_prob(u).sum(-1)
        log_w = pz + pu - q.log_prob(u)
        return log_w.logsumexp(0) - log(len(log_w)) - self.scale.log().sum(-1)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw u, then z, ``(*sample_shape, *batch, D)``."""
        lead = self._extended_shape(torch.Size(sample_shape))[:-1]
        u = self.temperature * self.shift.new_empty((*lead, self.latent_dim)).normal_()
        mean = self.decoder(u)
        spread = self.temperature * self.log_scale.exp()
        return self.shift + self.scale * (mean + spread * torch.randn_like(mean))


@tempered.register
def _(p: MarginalOfTwo, temperature: float) -> Distribution:
    return p.but(temperature=p.temperature * temperature)


class TwoStagePrior(Prior, StartsFromCodes):
    r"""A second VAE, over latents: :math:`p(z) = \int p(z|u)\,N(u; 0, I)\,du`; see `MarginalOfTwo`.

    :math:`p(z|u)` and :math:`q(u|z)` are normal, of dense nets; the one deviation of the former is
    learned. In training, one u is drawn for each z: that is the second VAE's ELBO. In evaluation
    the density is estimated with K draws of u, whose noise is always the same. With a condition it
    is :math:`p(z|y) = \int p(z|u, y)\,N(u; 0, I)\,du`, and both nets read y beside their input.

    Args:
        latent_shape: Shape of one latent z, ``(D,)``.
        latent_dim: Number of variables of u, at least 1.
        hidden: Features of each hidden layer of both nets, from z to u; the other way back.
        start_scale: The deviation of p(z|u) at the start, of standardised z. From 1, which N(0, I)
            alone would have, training rarely finds a use for u.
        num_samples: K, at least 1.
        conditional: Whether it is p(z|y).
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If a number is out of range, or there is no condition to be conditional on.

    References:
        Diagnosing and Enhancing VAE Models (Dai, Wipf, 2019), 1903.05789.
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
        Learning Structured Output Representation using Deep Conditional Generative Models (Sohn,
        Lee, Yan, 2015).
    """

    support = constraints.real_vector
    shift: Tensor
    scale: Tensor
    noise: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        latent_dim: int,
        *,
        hidden: Sequence[int] = (256, 256),
        start_scale: float = 0.3,
        num_samples: int = 16,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        super().__init__()
        check_int("num_samples", num_samples)
        low, high = LOG_SCALE_BOUNDS
        if not exp(low) < start_scale < exp(high):
            raise ValueError(
                f"start_scale must be from {exp(low):.0e} to {exp(high):.0f}; got {start_scale}"
            )
        head = NormalPosterior(latent_dim)
        size, self.latent_dim = latent_shape[-1], latent_dim
        self.event_shape = (size,)  # of another shape it is refused by who compares the two
        self.conditional = bool(conditional)
        features = required(field_features) if conditional else None
        to_u, to_z = (*hidden, *head.param_shape), (*reversed(hidden), size)
        self.encoder = Conditional(reading(features, size, to_u), head)
        self.decoder = reading(features, latent_dim, to_z)
        raw = inverse_soft_bound(log(start_scale), low, high)
        self.raw_scale = nn.Parameter(torch.tensor([raw]))
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("noise", torch.randn(num_samples, latent_dim))

    @torch.no_grad()
    def start_at_codes(self, codes: Tensor) -> None:
        """Standardise the codes from now on."""
        self.shift.copy_(codes.mean(0))
        self.scale.copy_(codes.std(0).clamp_min(torch.finfo(codes.dtype).tiny))

    def forward(self, *given: Tensor) -> Distribution:
        """Return that of event shape ``(D,)``, of batch shape ``(B,)`` for fields ``(B, ...)``."""
        return MarginalOfTwo(
            lambda u: self.decoder(u, *given),
            lambda z: self.encoder(z, *given),
            soft_bound(self.raw_scale, *LOG_SCALE_BOUNDS),
            self.shift,
            self.scale,
            None if self.training else self.noise,
            latent_dim=self.latent_dim,
            batch_shape=given[0].shape[:1] if given else (),
        )


def reading(features: FieldFeatures | None, size: int, sizes: Sequence[int]) -> nn.Module:
    """Make a dense net of a vector, ``(size,)``, and of the features beside it if there are any."""
    if features is None:
        return dense([size, *sizes], nn.ReLU())
    net = dense([*features.joined_shape((size,)), *sizes], nn.ReLU())
    return Conditioned(net, features, (size,))
