"""The fields of a mixture's components, such as the label of the example that one stands for."""

__all__ = ["ComponentFields"]

import torch
from torch import Tensor, nn

from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound, soft_bound
from vae.from_data import Examples
from vae.networks.conditioned import FieldFeatures

PRECISION = 4.0  # at first: of another class each component weighs e⁻⁴ as much as of its own


class ComponentFields(nn.Module):
    r"""Fields :math:`y_m` that each component keeps, and what it weighs for those of an example.

    The weights :math:`w_m(y) ∝ \exp(-½ \sum_j λ_j (f_j(y) - f_j(y_m))^2)` of the features f are
    those of a kernel estimate of p(z|y): components of the same class, or near by in a number,
    count, and how near, 1/√λ, is learned. log λ is softly bounded to [−7, 5].

    Args:
        features: What a model with a condition reads of its fields y.
        num_components: Number of components M.
        weigh: Whether the weights are wanted; else there is nothing to learn.

    References:
        On Estimating Regression (Nadaraya, 1964).
        VAE with a VampPrior (Tomczak, Welling, 2018), 1705.07120.
    """

    def __init__(self, features: FieldFeatures, num_components: int, *, weigh: bool) -> None:
        super().__init__()
        self.features = features
        blank = features.blank(num_components)
        self.fields = tuple(blank)
        for number, value in enumerate(blank.values()):
            self.register_buffer(f"field_{number}", value)
        start = torch.tensor(PRECISION).log().item()
        raw = torch.full((features.size,), inverse_soft_bound(start, *LOG_SCALE_BOUNDS))
        self.raw_precision = nn.Parameter(raw) if weigh else None

    def values(self) -> list[Tensor]:
        """Return the fields of the components, ``(M, ...)`` each."""
        return [self.get_buffer(f"field_{number}") for number in range(len(self.fields))]

    def initialize(self, examples: Examples, rows: Tensor) -> None:
        """Take the fields of the rows ``(M,)`` of so many training examples."""
        for name, kept in zip(self.fields, self.values(), strict=True):
            kept.copy_(examples(len(rows), name)[rows])

    def log_weights(self, *given: Tensor) -> Tensor:
        """Return log w up to a constant, ``(B, M)``, for fields ``(B, ...)``."""
        assert self.raw_precision is not None
        scale = soft_bound(self.raw_precision, *LOG_SCALE_BOUNDS).mul(0.5).exp()
        own, theirs = self.features(*given) * scale, self.features(*self.values()) * scale
        return -0.5 * (own.unsqueeze(1) - theirs).square().sum(-1)
