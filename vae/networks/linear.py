"""The affine net, with which a Gaussian VAE is probabilistic PCA."""

__all__ = ["Linear"]

from collections.abc import Callable, Sequence
from typing import final

from torch import Tensor, nn

from vae.networks.network import StagedNet, flat


@final
class Linear(StagedNet):
    """One affine map of the flattened input, y = W x + b.

    Args:
        in_shape: Shape of one input, of any number of dimensions.
        out_shape: Shape of one output, of any number of dimensions.

    Raises:
        ValueError: If a size is below 1.

    References:
        Probabilistic Principal Component Analysis (Tipping and Bishop, 1999).

    Example:
        >>> import torch
        >>> Linear((1, 28, 28), (10,))(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int]) -> None:
        super().__init__(in_shape, out_shape)
        self.affine = nn.Linear(self.in_features, self.out_features)

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the map, after the flattening."""
        return [flat, self.affine]
