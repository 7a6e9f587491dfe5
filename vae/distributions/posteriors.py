"""Heads for q(z|x): what the output of an encoder net means."""

__all__ = [
    "CategoricalPosterior",
    "ConditionalFlow",
    "ConstantNormalPosterior",
    "FlowPosterior",
    "NormalPosterior",
]


from math import log

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution, OneHotCategorical, constraints
from torch.types import _size

from vae.distributions.bounds import LOG_SCALE_BOUNDS, soft_bound
from vae.distributions.gumbel_softmax import GumbelSoftmax
from vae.distributions.head import Head
from vae.distributions.joint import Joint
from vae.distributions.normal import LogScaleNormal
from vae.flows import NormalizingFlow, zuko


def categorical(logits: Tensor, temperature: float | None) -> Distribution:
    """Return ``(*batch, N, C)`` logits as N one-hot variables, exact or relaxed."""
    if temperature is not None:
        return Joint(GumbelSoftmax(temperature, logits), 1)
    return Joint(OneHotCategorical(logits=logits, validate_args=False), 1)


class NormalPosterior(Head):
    r"""The diagonal Gaussian :math:`q(z|x) = N(z; μ(x), \mathrm{diag}\,σ²(x))`.

    The net gives μ and log σ; log σ is softly bounded to [−7, 5].

    Args:
        latent_dim: Number of latent variables D, at least 1.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int) -> None:
        check_latent_dim(latent_dim)
        super().__init__((latent_dim,), (2 * latent_dim,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D)`` to a distribution over ``(D,)``."""
        loc, log_scale = params.chunk(2, -1)
        return diagonal_normal(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS))


class ConstantNormalPosterior(Head):
    r"""The Gaussian of one width for all examples, :math:`q(z|x) = N(z; μ(x), σ² I)`.

    As σ falls it becomes the deterministic encoder of an autoencoder, whose KL is infinite: give
    the KL no weight then.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        scale: σ, above 0.

    References:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), 1903.12436.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, scale: float = 1e-4) -> None:
        check_latent_dim(latent_dim)
        if not 0 < scale < float("inf"):
            raise ValueError(f"scale must be a finite number above 0; got {scale}")
        super().__init__((latent_dim,), (latent_dim,))
        self.log_scale = log(scale)

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D)`` to a distribution over ``(D,)``."""
        return diagonal_normal(params, torch.full_like(params, self.log_scale))


class FlowPosterior(Head):
    r"""A diagonal Gaussian carried through a conditional normalising flow.

    :math:`z = f^{-1}(μ(x) + σ(x) ε;\ c(x))`: the net gives μ, log σ and the flow's context c, so
    that every flow contains the Gaussian posterior.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        flow: Any conditional flow of zuko over D features with `context_dim` context features.
        context_dim: Number of features that the net passes to the flow, at least 1.

    Raises:
        ValueError: If a size is out of range, or the flow is none of zuko.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015), 1505.05770.
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), 1906.04032.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, flow: nn.Module, context_dim: int) -> None:
        check_latent_dim(latent_dim)
        if not isinstance(flow, zuko.lazy.Flow):
            raise ValueError(f"flow must be a flow of zuko; got {type(flow).__name__}")
        if context_dim < 1:
            raise ValueError(f"context_dim must be at least 1; got {context_dim}")
        super().__init__((latent_dim,), (2 * latent_dim + context_dim,))
        self.flow = flow
        self.context_dim = context_dim

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D + context_dim)`` to a distribution over ``(D,)``."""
        dim = self.event_shape[0]
        loc, log_scale, context = params.split([dim, dim, self.context_dim], -1)
        base = diagonal_normal(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS))
        return ConditionalFlow(self.flow, context, base)


class ConditionalFlow(NormalizingFlow):
    """A base distribution carried through a flow, which still knows what it is conditioned on.

    Args:
        flow: A conditional flow of zuko.
        context: What it is conditioned on, ``(*batch, context_dim)``.
        base: The distribution at its far end, batch shape ``batch``.
    """

    def __init__(self, flow: zuko.lazy.Flow, context: Tensor, base: Distribution) -> None:
        super().__init__(flow.transform(context), base)
        self.flow = flow
        self.context = context

    def expand(self, batch_shape: _size, new: Distribution | None = None) -> Distribution:
        """Return the same distribution with another, broadcast batch shape."""
        made: ConditionalFlow = self._get_checked_instance(ConditionalFlow, new)
        made.flow, made.context = self.flow, self.context.expand(*batch_shape, -1)
        return super().expand(Size(batch_shape), made)


class CategoricalPosterior(Head):
    """D one-hot variables: relaxed (Gumbel-softmax) in training mode, exact in evaluation mode.

    In training, q and a matching prior are densities on the simplex, so that the bound is one of
    the relaxed model; in evaluation every figure is one of the discrete model. Without a
    temperature they are exact in training too, and their gradient needs the score function.

    Args:
        latent_dim: Number of categorical variables D, at least 1.
        num_categories: Number of categories C of each, at least 2.
        temperature: Temperature τ of the relaxation, above 0; ``None`` relaxes nothing.

    References:
        Categorical Reparameterization with Gumbel-Softmax (Jang, Gu, Poole, 2016), 1611.01144.
    """

    support = constraints.one_hot

    def __init__(
        self, latent_dim: int, *, num_categories: int, temperature: float | None = 0.5
    ) -> None:
        check_latent_dim(latent_dim)
        check_categorical(num_categories, temperature)
        super().__init__((latent_dim, num_categories), (latent_dim * num_categories,))
        self.temperature = temperature

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D·C)`` to a distribution over ``(D, C)``."""
        logits = params.unflatten(-1, self.event_shape)
        return categorical(logits, self.temperature if self.training else None)


def diagonal_normal(loc: Tensor, log_scale: Tensor) -> Distribution:
    """Return the Gaussian with independent dimensions along the last axis."""
    return Joint(LogScaleNormal(loc, log_scale), 1)


def check_latent_dim(latent_dim: int) -> None:
    """Refuse a latent dimension below 1."""
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be at least 1; got {latent_dim}")


def check_categorical(num_categories: int, temperature: float | None) -> None:
    """Refuse fewer than two categories and temperatures that are not positive."""
    if num_categories < 2:
        raise ValueError(f"num_categories must be at least 2; got {num_categories}")
    if temperature is not None and not temperature > 0:
        raise ValueError(f"temperature must be above 0 or null; got {temperature}")
