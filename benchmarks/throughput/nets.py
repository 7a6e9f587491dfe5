"""The convolutional nets for MNIST that pythae brings, as nets of this project."""

__all__ = ["MnistDecoder", "MnistEncoder", "put_mnist_nets"]

from itertools import pairwise
from typing import Any, final

from torch import Tensor, nn

from vae.networks import Network

CHANNELS = (1, 128, 256, 512, 1024)


@final
class MnistEncoder(Network):
    """Four strided convolutions with batch normalisation, 28×28 to one pixel, and an affine map."""

    def __init__(self, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        super().__init__(in_shape, out_shape)
        layers: list[nn.Module] = []
        for before, after in pairwise(CHANNELS):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, self.out_features))

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, 1, 28, 28)`` to ``(N, out_features)``."""
        return self.layers(x)


@final
class MnistDecoder(Network):
    """An affine map and three transposed convolutions with batch normalisation, 4×4 to 28×28."""

    def __init__(self, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        super().__init__(in_shape, out_shape)
        self.layers = nn.Sequential(
            nn.Linear(self.in_features, 1024 * 4 * 4),
            nn.Unflatten(1, (1024, 4, 4)),
            *(nn.ConvTranspose2d(1024, 512, 3, 2, 1), nn.BatchNorm2d(512), nn.ReLU()),
            *(nn.ConvTranspose2d(512, 256, 3, 2, 1, 1), nn.BatchNorm2d(256), nn.ReLU()),
            nn.ConvTranspose2d(256, 1, 3, 2, 1, 1),
        )

    def transform(self, x: Tensor) -> Tensor:
        """Map ``(N, latent_dim)`` to logits ``(N, 1, 28, 28)``."""
        return self.layers(x)


def put_mnist_nets(model: Any) -> None:
    """Put these nets in the place of those that a model for MNIST was built with."""
    for part, net in ((model.encoder, MnistEncoder), (model.decoder, MnistDecoder)):
        part.net = net(part.net.in_shape, part.net.out_shape)
