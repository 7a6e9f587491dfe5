"""The prior that is a normalising flow of fields."""

__all__ = ["FlowPrior"]

from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions.flow_posterior import ConditionalFlow
from vae.flows import zuko
from vae.networks.conditioned import FieldFeatures
from vae.priors.prior import Prior


class FlowPrior(Prior):
    r"""A normal carried through a flow, :math:`p(z|y) = N(f(z; y); 0, I)\,|\det ∂f/∂z|`.

    The nets of f read the features of the fields y. A flow that reads nothing is a prior as it is.

    Args:
        flow: A flow of zuko whose ``context`` is the size of the features.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If the flow is none of zuko.

    References:
        Masked Autoregressive Flow for Density Estimation (Papamakarios, Pavlakou, Murray, 2017),
        1705.07057.
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), 1906.04032.
    """

    support = constraints.real_vector
    conditional = True

    def __init__(self, flow: zuko.lazy.Flow, field_features: FieldFeatures) -> None:
        super().__init__()
        if not isinstance(flow, zuko.lazy.Flow):
            raise ValueError(f"flow must be a flow of zuko; got {type(flow).__name__}")
        self.event_shape = tuple(flow.base().event_shape)
        self.flow = flow
        self.features = field_features

    def forward(self, *given: Tensor) -> Distribution:
        """Return p(z|y) of batch shape ``(B,)`` for fields ``(B, ...)``."""
        context = self.features(*given)
        base = self.flow.base(context).expand(context.shape[:-1])
        return ConditionalFlow(self.flow, context, base)
