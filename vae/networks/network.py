"""What every net is, a map between tensors of two stated shapes, and the dense ones."""

__all__ = ["MLP", "GatedMLP", "Network", "StagedNet", "check_sizes", "flat"]

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import ClassVar, final

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

    def forward(self, x: Tensor, *modulations: Tensor) -> Tensor:
        """Map ``(*lead, *in_shape)`` to ``(*lead, *out_shape)``.

        Args:
            x: Inputs.
            modulations: Of a `StagedNet`, ``(B, 2C)`` for each site, with B the last of `lead`.
        """
        lead = x.shape[: x.dim() - len(self.in_shape)]
        if len(lead) == 1:
            y = self.transform(x, *modulations)
        else:
            rows = [m.expand(*lead, -1).reshape(-1, m.shape[-1]) for m in modulations]
            y = self.transform(x.reshape(-1, *self.in_shape), *rows)
        # Of the right shape already, it is spared a view in the gradient.
        return y if y.shape == (*lead, *self.out_shape) else y.reshape(*lead, *self.out_shape)

    @property
    def output_layer(self) -> nn.Module:
        """The affine map or convolution that makes the output."""
        return [layer for layer in self.modules() if isinstance(layer, AFFINE)][-1]

    def pooled(self, mean: Tensor) -> Tensor:
        """Return a mean of the data, ``out_shape``, averaged over the places that share a bias."""
        bias = self.output_layer.bias
        if not isinstance(bias, Tensor) or mean.shape != self.out_shape:
            return mean
        rows = mean.reshape(len(bias), -1)
        return rows.mean(1, keepdim=True).expand_as(rows).reshape(mean.shape)

    @torch.no_grad()
    def start_at(self, output: Tensor) -> None:
        """Let the bias of the last layer be this output, ``out_shape``, about which the net varies.

        A convolution has one bias for each channel, which becomes the channel's mean. A decoder
        that starts at the mean of the data need not learn first what all examples have in common,
        and more latents stay in use.

        References:
            Importance Weighted Autoencoders (Burda et al., 2015), arXiv:1509.00519, in its code.
        """
        bias = self.output_layer.bias
        assert isinstance(bias, Tensor)
        bias.copy_(output.reshape(len(bias), -1).mean(1))


class StagedNet(Network):
    """A net of stages that run one after another; the outputs of some may be modulated.

    Attributes:
        modulated: The kinds of stage that are; never the one that makes the output.
    """

    modulated: ClassVar[tuple[type[nn.Module], ...]] = AFFINE

    @abstractmethod
    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return what runs, in order."""

    def sites(self) -> list[nn.Module]:
        """Return the stages that can be modulated, in order."""
        stages = [stage for stage in self.stages() if isinstance(stage, self.modulated)]
        return [stage for stage in stages if stage is not self.output_layer]

    def transform(self, x: Tensor, *modulations: Tensor) -> Tensor:
        """Map ``(N, *in_shape)`` to ``(N, *out_shape)``, or to any shape of the same size.

        Args:
            x: Inputs.
            modulations: Of each site γ and β, ``(N, 2C)``: its C channels become (1 + γ) h + β.
        """
        of_site = dict(zip(self.sites(), modulations, strict=True)) if modulations else {}
        for stage in self.stages():
            x = stage(x)
            if stage in of_site:
                x = modulated(x, of_site[stage])
        return x


def modulated(x: Tensor, modulation: Tensor) -> Tensor:
    """Return (1 + γ) x + β of channels ``(N, C, ...)``, with γ and β side by side, ``(N, 2C)``."""
    gamma, beta = modulation.view(*modulation.shape, *[1] * (x.dim() - 2)).chunk(2, 1)
    return torch.addcmul(x + beta, x, gamma)


def flat(x: Tensor) -> Tensor:
    """Return ``(N, ...)`` as ``(N, D)``."""
    return x.flatten(1)


@final
class MLP(StagedNet):
    """Dense layers h = a(W h + b) on the flattened input, and an affine map to the output.

    Args:
        in_shape: Shape of one input, of any number of dimensions.
        out_shape: Shape of one output, of any number of dimensions.
        hidden: Features of each hidden layer, ≥ 1, from input to output.
        activation: The nonlinearity a, stateless, one instance for all layers; ReLU by default.
        start_at_mean: Whether, as a decoder, it is to `start_at` the mean of the training data;
            ``None``: if the likelihood has such a start.

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
        start_at_mean: bool | None = False,
    ) -> None:
        super().__init__(in_shape, out_shape)
        check_sizes(hidden=hidden)
        activation = nn.ReLU() if activation is None else activation
        self.layers = dense((self.in_features, *hidden, self.out_features), activation)
        self.start_at_mean = start_at_mean

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the layers, after the flattening."""
        return [flat, *self.layers]


@final
class GatedMLP(StagedNet):
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

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return the layers, after the flattening."""
        return [flat, *self.layers]
