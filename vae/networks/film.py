"""Nets whose channels are scaled and shifted by fields of an example."""

__all__ = ["FiLM"]

from torch import Tensor, nn

from vae.networks.blocks import zero_init
from vae.networks.conditioned import Conditioned, FieldFeatures
from vae.networks.network import AFFINE, StagedNet


class FiLM(Conditioned):
    r"""A net whose hidden channels become :math:`(1 + γ(y)) h + β(y)` for fields y.

    γ and β are linear in the features of y, of a class a table, and start at 0, so that it starts
    as the net alone. Of a residual net the output of each block is modulated; of others that of
    each affine map or convolution but the last, before its activation.

    Args:
        net: A net of stages, which reads its input alone.
        features: Makes numbers of the fields.

    Raises:
        ValueError: If the net shows no stages, or has no hidden layer.

    References:
        FiLM: Visual Reasoning with a General Conditioning Layer (Perez, Strub, de Vries, Dumoulin,
        Courville, 2018), 1709.07871.
    """

    def __init__(self, net: nn.Module, features: FieldFeatures) -> None:
        sites = net.sites() if isinstance(net, StagedNet) else []
        if not isinstance(net, StagedNet) or not sites:
            raise ValueError(
                f"model.condition_by=film modulates hidden layers, and {type(net).__name__} shows "
                "none: use model.condition_by=null"
            )
        super().__init__(net, features, net.in_shape)
        size = features.size
        self.films = nn.ModuleList(
            zero_init(nn.Linear(size, 2 * channels_of(site), bias=False)) for site in sites
        )

    def forward(self, x: Tensor, *given: Tensor) -> Tensor:
        """Map ``(*lead, B, *in_shape)`` and fields ``(B, ...)`` to what the net makes of x."""
        features = self.features(*given).to(x.dtype)
        return self.net(x, *(film(features) for film in self.films))


def channels_of(stage: nn.Module) -> int:
    """Return the channels of what a stage returns."""
    *_, last = (layer for layer in stage.modules() if isinstance(layer, AFFINE))
    assert last.bias is not None
    return len(last.bias)
