"""Dense nets, plain and gated, for data and latents of any shape."""

__all__ = ["MLP", "GatedMLP"]

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from vae.networks.dense import dense
from vae.networks.network import Network, check_sizes


@final
class MLP(Network):
    """Dense layers h = a(W h + b) on the flattened input, and an affine map to the output.

    Args:
        in_shape: Shape of one input, of any number of dimensions.
        out_shape: Shape of one output, of any number of dimensions.
        hidden: Features of each hidden layer, ≥ 1, from input to output.
        activation: The nonlinearity a, stateless, one instance for all layers; ReLU by default.
        start_at_mean: Whether, as a decoder, it is to `start_at` the mean of the training data.

    Raises:
        ValueError: If a size is below 1.

    References:
        Auto-Encoding Variational Bayes (Kingma and Welling, 2013), arXiv:1312.6114.

    Example:
        >>> import torch
        >>> MLP((10,), (1, 28, 28), hidden=(400, 400))(torch.zeros(3, 5, 10)).shape
        torch.Size([3, 5, 1, 28, 28])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        hidden: Sequence[int] = (400,),
        activation: nn.Module | None = None,
        start_at_mean: bool = False,
    ) -> None:
        super().__init__(in_shape, out_shape)
        check_sizes(hidden=hidden)
        activation = nn.ReLU() if activation is None else activation
        self.layers = dense((self.in_features, *hidden, self.out_features), activation)
        self.start_at_mean = start_at_mean

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, out_features)``."""
        return self.layers(x.flatten(1))


@final
class GatedMLP(Network):
    """Gated dense layers h = (W h + b) · sigmoid(V h + c), and an affine map to the output.

    W and V are the two halves of one map, so that each layer is one matrix product.

    Args:
        in_shape: Shape of one input, of any number of dimensions.
        out_shape: Shape of one output, of any number of dimensions.
        hidden: Features of each hidden layer, ≥ 1, from input to output.

    Raises:
        ValueError: If a size is below 1.

    References:
        VAE with a VampPrior (Tomczak and Welling, 2018), arXiv:1705.07120.

    Example:
        >>> import torch
        >>> GatedMLP((1, 28, 28), (40,))(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 40])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        *,
        hidden: Sequence[int] = (300, 300),
    ) -> None:
        super().__init__(in_shape, out_shape)
        check_sizes(hidden=hidden)
        self.layers = dense((self.in_features, *hidden, self.out_features), nn.GLU(), widening=2)

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, out_features)``."""
        return self.layers(x.flatten(1))
