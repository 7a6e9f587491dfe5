"""Priors of a parametric family, whose parameters may depend on fields of an example."""

__all__ = ["ParametricPrior", "required"]

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.distributions import Distribution

from vae.networks.conditioned import FieldFeatures
from vae.priors.prior import Prior


class ParametricPrior(Prior):
    r"""A family :math:`p(z) = p(z; θ)`, or :math:`p(z|y) = p(z; θ + W f(y))` of fields y.

    f(y) are the features of the fields that the model is given: of a class W is a table. W starts
    at 0, so that p(z|y) starts as p(z).

    Args:
        latent_shape: Shape of one latent.
        starts: The numbers θ by name, any shapes: a parameter is learned, a plain tensor stays.
        conditional: Whether it is p(z|y).
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is to be conditional in a model without a condition.

    References:
        Learning Structured Output Representation using Deep Conditional Generative Models (Sohn,
        Lee, Yan, 2015).
    """

    event_shape: tuple[int, ...]

    def __init__(
        self,
        latent_shape: Sequence[int],
        starts: Mapping[str, Tensor],
        *,
        conditional: bool | None,
        field_features: FieldFeatures | None,
    ) -> None:
        super().__init__()
        self.event_shape = tuple(latent_shape)
        self.names = tuple(starts)
        for name, start in starts.items():
            if isinstance(start, nn.Parameter):
                self.register_parameter(name, start)
            else:
                self.register_buffer(name, start, persistent=False)
        self.conditional = bool(conditional)
        if conditional:
            self.features = required(field_features)
            numbers = sum(start.numel() for start in starts.values())
            self.shifts = nn.Linear(self.features.size, numbers, bias=False)
            nn.init.zeros_(self.shifts.weight)

    @abstractmethod
    def of(self, *numbers: Tensor) -> Distribution:
        """Return the member of the family of numbers ``(*batch, ...)``, in the order of θ."""

    def forward(self, *given: Tensor) -> Distribution:
        """Return p(z), or p(z|y) of batch shape ``(B,)`` for fields ``(B, ...)``."""
        starts: list[Tensor] = [getattr(self, name) for name in self.names]
        if not self.conditional:
            return self.of(*starts)
        shifts = self.shifts(self.features(*given)).to(starts[0].dtype)
        each = shifts.split([start.numel() for start in starts], -1)
        pairs = zip(starts, each, strict=True)
        return self.of(*(start + shift.reshape(-1, *start.shape) for start, shift in pairs))


def required(field_features: FieldFeatures | None) -> FieldFeatures:
    """Return the features of the fields that a prior is conditional on.

    Raises:
        ValueError: If there are none.
    """
    if field_features is None:
        raise ValueError(
            "conditional=true needs fields to be conditional on: use model.condition=[label]"
        )
    return field_features
