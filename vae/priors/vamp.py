"""The variational mixture of posteriors."""

__all__ = ["VampPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import Conditional, UniformMixture
from vae.from_data import Examples, StartsFromData
from vae.priors.prior import Prior


class VampPrior(Prior, StartsFromData):
    r"""The mixture of posteriors at learned pseudo-inputs, :math:`p(z) = \frac1M \sum_m q(z|u_m)`.

    Pseudo-inputs of bounded data are kept inside [0, 1] by a sigmoid, which leaves every one of
    them a gradient (a clamp, as in much published code, starts most of them without).

    Args:
        encoder: The model's q(z|x). It stays the model's: its parameters are not listed here.
        data_shape: Shape of one example.
        support: Where the data lie: ``boolean``, ``unit_interval`` or ``real``.
        num_components: Number of pseudo-inputs M, at least 1.

    References:
        VAE with a VampPrior (Tomczak, Welling, 2018), 1705.07120.
    """

    def __init__(
        self,
        encoder: Conditional,
        data_shape: Sequence[int],
        support: str,
        *,
        num_components: int = 500,
    ) -> None:
        super().__init__()
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1; got {num_components}")
        # In a tuple, so that the encoder is not registered and saved a second time.
        self._encoder = (encoder,)
        self.bounded = support != "real"
        self.support, self.event_shape = encoder.head.support, encoder.head.event_shape
        self.free_inputs = nn.Parameter(torch.randn(num_components, *data_shape))

    @property
    def pseudo_inputs(self) -> Tensor:
        """The pseudo-inputs u, ``(M, *data_shape)``, in the range of what the encoder sees."""
        return self.free_inputs.sigmoid() if self.bounded else self.free_inputs

    @torch.no_grad()
    def initialize(self, examples: Examples) -> None:
        """Start the pseudo-inputs at examples, repeated with noise where there are too few."""
        x = examples(len(self.free_inputs))
        rows = torch.arange(len(self.free_inputs), device=x.device) % len(x)
        start = x[rows].clamp(0.05, 0.95).logit() if self.bounded else x[rows]
        self.free_inputs.copy_(start + 0.1 * torch.randn_like(start))

    def forward(self) -> Distribution:
        """Return the mixture over latents."""
        return UniformMixture(self._encoder[0](self.pseudo_inputs))
