"""What every net is, a map between tensors of two stated shapes, and the dense ones."""

__all__ = ["MLP", "GatedMLP", "Network", "check_sizes"]

from abc import abstractmethod
from collections.abc import Sequence
from math import prod
from typing import final

import torch
from torch import Tensor, nn

from vae.from_data import StartsAtOutput
from vae.networks.dense import dense

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def check_sizes(**sizes: Sequence[int] | int) -> None:
    """Refuse sizes that are not positive.

    Raises:
        ValueError: Naming the argument, if a size is below 1.
    """
    for name, size in sizes.items():
        if any(s < 1 for s in (size if isinstance(size, Sequence) else (size,))):
            raise ValueError(f"{name} must be at least 1; got {size}")


class Network(nn.Module, StartsAtOutput):
    """A map from ``(*lead, *in_shape)`` to ``(*lead, *out_shape)``, for any leading dimensions.

    The leading dimensions, ``(B,)`` or ``(K, B)``, are flattened into one around `transform`.

    Args:
        in_shape: Shape of one input, without the leading dimensions.
        out_shape: Shape of one output, without the leading dimensions.

    Raises:
        ValueError: If a size is below 1.
    """

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int]) -> None:
        super().__init__()
        check_sizes(in_shape=in_shape, out_shape=out_shape)
        self.in_shape = tuple(in_shape)
        self.out_shape = tuple(out_shape)
        self.in_features = prod(self.in_shape)
        self.out_features = prod(self.out_shape)

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, *out_shape)``, or to any shape of the same size."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(*lead, *in_shape)`` to ``(*lead, *out_shape)``."""
        lead = x.shape[: x.dim() - len(self.in_shape)]
        flat = x if len(lead) == 1 else x.reshape(-1, *self.in_shape)
        y = self.transform(flat)
        # Of the right shape already, it is spared a view in the gradient.
        return y if y.shape == (*lead, *self.out_shape) else y.reshape(*lead, *self.out_shape)

    @torch.no_grad()
    def start_at(self, output: Tensor) -> None:
        """Let the bias of the last layer be this output, ``out_shape``, about which the net varies.

        A convolution has one bias for each channel, which becomes the channel's mean. A decoder
        that starts at the mean of the data need not learn first what all examples have in common,
        and more latents stay in use.

        References:
            Importance Weighted Autoencoders (Burda et al., 2015), arXiv:1509.00519, in its code.
        """
        last = [layer for layer in self.modules() if isinstance(layer, AFFINE)][-1]
        assert last.bias is not None
        last.bias.copy_(output.reshape(len(last.bias), -1).mean(1))


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
