"""The prior that is a normalising flow."""

__all__ = ["FlowPrior"]

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions.flow_posterior import ConditionalFlow
from vae.flows import zuko
from vae.networks.conditioned import FieldFeatures
from vae.priors.parametric_prior import required
from vae.priors.prior import Prior


class FlowPrior(Prior):
    r"""A standard normal carried through a flow, :math:`p(z) = N(f(z); 0, I)\,|\det ∂f/∂z|`.

    If it is conditional, the nets of f read the features of the fields beside z.

    Args:
        latent_shape: ``(D,)``.
        flow: Which of `zuko.flows`.
        transforms: Number of its transforms, at least 1.
        hidden_features: Widths of each transform's net, at least 1.
        conditional: Whether it is p(z|y).
        field_features: What a model with a condition reads of its fields y.
        **options: Further ones of the flow.

    Raises:
        ValueError: If it is to be conditional in a model without a condition.

    References:
        Masked Autoregressive Flow for Density Estimation (Papamakarios, Pavlakou, Murray, 2017),
        1705.07057.
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), 1906.04032.
    """

    support = constraints.real_vector

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        flow: Literal["MAF", "NSF"],
        transforms: int = 3,
        hidden_features: Sequence[int] = (64, 64),
        conditional: bool = False,
        field_features: FieldFeatures | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.event_shape = tuple(latent_shape)
        self.conditional = conditional
        self.features = required(field_features) if conditional else None
        self.flow = {"MAF": zuko.flows.MAF, "NSF": zuko.flows.NSF}[flow](
            *latent_shape,
            context=0 if self.features is None else self.features.size,
            transforms=transforms,
            hidden_features=hidden_features,
            **options,
        )

    def forward(self, *given: Tensor) -> Distribution:
        """Return p(z), or p(z|y) of batch shape ``(B,)`` for fields ``(B, ...)``."""
        if self.features is None:
            return self.flow()
        context = self.features(*given)
        return ConditionalFlow(
            self.flow, context, self.flow.base(context).expand(context.shape[:-1])
        )
