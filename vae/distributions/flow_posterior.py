"""A posterior of any shape: a normal distribution carried through a conditional flow."""

__all__ = ["ConditionalFlow", "FlowPosterior"]

import torch
from torch import Size, Tensor, nn
from torch.distributions import AffineTransform, Distribution, constraints
from torch.types import _size

from vae.distributions.head import Head, check_latent_dim
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, diagonal_normal, soft_bound
from vae.flows import NormalizingFlow, zuko


class FlowPosterior(Head):
    r"""A diagonal Gaussian carried through a conditional normalising flow.

    :math:`z = f^{-1}(μ(x) + σ(x) ε;\ c(x))`, or with `on_noise`
    :math:`z = μ(x) + σ(x) f(ε;\ c(x))`: the net gives μ, log σ and the flow's context c, so that
    every flow contains the Gaussian posterior. Splines, whose knots stand where N(0, 1) lies, are
    too coarse to shape a narrow posterior but on its noise; there a coupling flow draws in half
    the passes, too.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        flow: Any conditional flow f of zuko over D features with `context_dim` context features.
        context_dim: Number of features that the net passes to the flow, at least 1.
        on_noise: Whether the flow carries ε, forwards, before μ and σ; ``None`` means no.

    Raises:
        ValueError: If a size is out of range, or the flow is none of zuko or of other features.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015), 1505.05770.
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), 1906.04032.
    """

    support = constraints.real_vector

    def __init__(
        self, latent_dim: int, *, flow: nn.Module, context_dim: int, on_noise: bool | None = None
    ) -> None:
        check_latent_dim(latent_dim)
        if not isinstance(flow, zuko.lazy.Flow):
            raise ValueError(f"flow must be a flow of zuko; got {type(flow).__name__}")
        check_features(flow, latent_dim)
        if context_dim < 1:
            raise ValueError(f"context_dim must be at least 1; got {context_dim}")
        super().__init__((latent_dim,), (2 * latent_dim + context_dim,))
        self.flow = zuko.lazy.Flow(flow.transform.inv, flow.base) if on_noise else flow
        self.context_dim = context_dim
        self.on_noise = bool(on_noise)

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D + context_dim)`` to a distribution over ``(D,)``."""
        dim = self.event_shape[0]
        loc, log_scale, context = params.split([dim, dim, self.context_dim], -1)
        log_scale = soft_bound(log_scale, *LOG_SCALE_BOUNDS)
        if not self.on_noise:
            return ConditionalFlow(self.flow, context, diagonal_normal(loc, log_scale))
        noise = diagonal_normal(torch.zeros_like(loc), torch.zeros_like(loc))
        return ConditionalFlow(self.flow, context, noise, (loc, log_scale.exp()))


def check_features(flow: zuko.lazy.Flow, latent_dim: int) -> None:
    """Refuse a flow over another number of variables than the latent has.

    Raises:
        ValueError: If it is, as where levels of a hierarchy share the settings of one flow.
    """
    if not isinstance(flow.base, zuko.lazy.UnconditionalDistribution):
        return  # which the flow's own base need not say
    (features,) = flow.base().event_shape
    if features != latent_dim:
        raise ValueError(
            f"the flow is over {features} variables and a latent has {latent_dim}: give both the "
            f"same number, in a hierarchy all levels, as by model.lower_dims=[{features}]"
        )


class ConditionalFlow(NormalizingFlow):
    """A base distribution carried through a flow, which still knows what it is conditioned on.

    Args:
        flow: A conditional flow of zuko.
        context: What it is conditioned on, ``(*batch, context_dim)``; ``None`` of a flow that is
            conditioned on nothing.
        base: The distribution at its far end, batch shape ``batch``.
        scaled: Location and scale, ``(*batch, D)``, of what the flow makes of it, if it is carried
            further.
    """

    def __init__(
        self,
        flow: zuko.lazy.Flow,
        context: Tensor | None,
        base: Distribution,
        scaled: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        transform = flow.transform(context)
        if scaled is not None:
            affine = AffineTransform(*scaled, event_dim=1)
            transform = zuko.transforms.ComposedTransform(affine.inv, transform)
        super().__init__(transform, base)
        self.flow = flow
        self.context = context
        self.scaled = scaled

    @property
    def event_shape(self) -> Size:
        """``(D,)``."""
        return self.base.event_shape

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of ``(*lead, *batch, D)``, ``(*lead, *batch)``."""
        if not isinstance(self.flow, zuko.flows.NSF):  # affine steps do not broadcast a value
            shape = (*self.batch_shape, *self.event_shape)
            value = value.expand(torch.broadcast_shapes(value.shape, shape))
        return super().log_prob(value)

    def expand(self, batch_shape: _size, new: Distribution | None = None) -> Distribution:
        """Return the same distribution with another, broadcast batch shape."""
        made: ConditionalFlow = self._get_checked_instance(ConditionalFlow, new)
        made.flow, made.context, made.scaled = self.flow, self.context, self.scaled
        if self.context is not None:
            made.context = self.context.expand(*batch_shape, -1)
        return super().expand(Size(batch_shape), made)
